//! Writes, in two steps: each is checked first and committed afterwards, so that a transaction can do all of its writes or none.

use std::sync::Arc;

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Condition, Update};
use crate::dynamodb::key::{Key, Scalar};
use crate::dynamodb::table::WriteUnits;
use crate::dynamodb::value::Item;
use crate::dynamodb::{Change, Database, Table};

/// A requested write.
pub(super) struct Write {
    pub(super) table: String,
    pub(super) key: Key,
    pub(super) action: Action,
    pub(super) condition: Option<Condition>,
    /// Whether to return the item if the condition does not hold.
    pub(super) return_item: bool,
}

/// What the write does to the item.
pub(super) enum Action {
    Put(Item),
    /// The key attributes, for an item that does not exist yet, and the update.
    Update(Item, Update),
    Delete,
    Check,
}

/// A write whose condition holds.
pub(super) struct Checked {
    pub(super) table: String,
    key: Key,
    pub(super) old: Option<Arc<Item>>,
    pub(super) new: Option<Arc<Item>>,
    /// False for a ConditionCheck, which writes nothing.
    writes: bool,
}

impl Write {
    /// Checks the condition against the stored item and computes the new item.
    pub(super) fn check(self, table: &Table) -> Result<Checked, Error> {
        let old = table.items.get(&self.key).cloned();
        let nothing = Item::new();
        let before = old.as_deref().unwrap_or(&nothing);
        if self.condition.is_some_and(|condition| !condition.holds(before)) {
            return Err(Error::Condition(old.filter(|_| self.return_item).map(Arc::unwrap_or_clone)));
        }
        let writes = !matches!(self.action, Action::Check);
        let new = match self.action {
            Action::Put(item) => Some(item.into()),
            Action::Delete => None,
            Action::Check => old.clone(),
            Action::Update(key, update) => {
                if update.paths().any(|path| table.schema.names().any(|name| name == path.root())) {
                    return invalid("a key attribute can't be updated");
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
                return invalid("an attribute has the wrong type for an index key");
            }
        }
        Ok(Checked { table: self.table, key: self.key, old, new, writes })
    }
}

impl Database {
    /// Commits a checked write and returns its cost.
    pub(super) fn commit(&mut self, checked: &Checked) -> Result<WriteUnits, Error> {
        let Checked { table: name, key, old, new, writes } = checked;
        if !writes {
            return Ok(WriteUnits::of_check(old.as_deref()));
        }
        let cost = self.table_mut(name)?.replace(key, new.clone());
        if old != new {
            self.changes.push(Change { table: name.clone(), old: old.clone(), new: new.clone() });
        }
        Ok(cost)
    }
}
