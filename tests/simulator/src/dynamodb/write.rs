//! Writes: checked first, then done, so that several can be done together or not at all.

use std::sync::Arc;

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Condition, Update};
use crate::dynamodb::key::{Key, Scalar};
use crate::dynamodb::table::Price;
use crate::dynamodb::value::Item;
use crate::dynamodb::{Change, Database, Table};

/// A write that was asked for.
pub(super) struct Write {
    pub(super) table: String,
    pub(super) key: Key,
    pub(super) action: Action,
    pub(super) condition: Option<Condition>,
    /// Whether a condition that does not hold is answered with the item.
    pub(super) show_item: bool,
}

/// What to do with the item.
pub(super) enum Action {
    Put(Item),
    /// The key's attributes, for an item that is not there yet.
    Update(Item, Update),
    Delete,
    Check,
}

/// A write that can be done.
pub(super) struct Checked {
    pub(super) table: String,
    key: Key,
    pub(super) old: Option<Arc<Item>>,
    pub(super) new: Option<Arc<Item>>,
    /// Whether it writes at all.
    writes: bool,
}

impl Write {
    /// Finds out what the write would make of the item as it is; an error where its condition does not hold.
    pub(super) fn check(self, table: &Table) -> Result<Checked, Error> {
        let old = table.items.get(&self.key).cloned();
        let nothing = Item::new();
        let before = old.as_deref().unwrap_or(&nothing);
        if self.condition.is_some_and(|condition| !condition.holds(before)) {
            return Err(Error::Condition(old.filter(|_| self.show_item).map(Arc::unwrap_or_clone)));
        }
        let writes = !matches!(self.action, Action::Check);
        let new = match self.action {
            Action::Put(item) => Some(item.into()),
            Action::Delete => None,
            Action::Check => old.clone(),
            Action::Update(key, update) => {
                if update.paths().any(|path| table.schema.names().any(|name| name == path.root())) {
                    return invalid("cannot update an attribute of the key");
                }
                Some(update.apply(if old.is_some() { before } else { &key })?.into())
            }
        };
        for index in new.iter().flat_map(|_| table.indexes.values()) {
            let mistyped = |name| {
                let value = new.as_ref().and_then(|item: &Arc<Item>| item.get(name));
                value.is_some_and(|value| Scalar::new(value).is_none())
            };
            if index.schema.names().any(mistyped) {
                return invalid("the type of an index's key does not match");
            }
        }
        Ok(Checked { table: self.table, key: self.key, old, new, writes })
    }
}

impl Database {
    /// Does a write, and gives its price.
    pub(super) fn commit(&mut self, checked: &Checked) -> Result<Price, Error> {
        let Checked { table: name, key, old, new, writes } = checked;
        if !writes {
            return Ok(Price::of_check(old.as_deref()));
        }
        let price = self.table_mut(name)?.replace(key, new.clone());
        if old != new {
            self.changes.push(Change { table: name.clone(), old: old.clone(), new: new.clone() });
        }
        Ok(price)
    }
}
