//! Tables and their indexes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dynamodb::key::{Key, KeySchema};
use crate::dynamodb::value::{Item, size};

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) schema: KeySchema,
    pub(super) items: BTreeMap<Key, Arc<Item>>,
    pub(super) indexes: BTreeMap<String, Index>,
    /// The response of `DescribeTable`.
    pub(super) description: serde_json::Value,
    /// How many entries were ever added to the table's indexes.
    pub(super) entries: u64,
}

/// The cost of a write, in write units: for the table, and for each index that the write changes.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteUnits {
    pub(super) table: u64,
    pub(super) indexes: BTreeMap<String, u64>,
}

/// A global secondary index: the items that have its key attributes. Entries with the same key are in the order in which they were
/// added, so that a run does not depend on random ids.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) schema: KeySchema,
    pub(super) projection: Projection,
    pub(super) entries: BTreeMap<(Key, u64), Key>,
}

/// The attributes of an index's entries, besides the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Projection {
    KeysOnly,
    Include(Vec<String>),
    All,
}

impl Table {
    /// Creates, replaces or removes an item, and returns the cost.
    pub(super) fn replace(&mut self, key: &Key, new: Option<Arc<Item>>) -> WriteUnits {
        let old = match &new {
            Some(item) => self.items.insert(key.clone(), item.clone()),
            None => self.items.remove(key),
        };
        let bytes = old.iter().chain(&new).map(|item| size(item)).max().unwrap_or_default();
        let mut cost = WriteUnits { table: write_units(bytes), indexes: BTreeMap::new() };
        for (name, index) in &mut self.indexes {
            let entry = |item: &Option<Arc<Item>>| {
                item.as_ref().and_then(|item| Some((index.schema.key(item)?, index.project(&self.schema, item))))
            };
            let (before, after) = (entry(&old), entry(&new));
            if before == after {
                continue;
            }
            let same_key = matches!((&before, &after), (Some((before, _)), Some((after, _))) if before == after);
            let sizes = before.iter().chain(&after).map(|(_, projected)| write_units(size(projected)));
            let units = if same_key { sizes.max().unwrap_or_default() } else { sizes.sum() };
            cost.indexes.insert(name.clone(), units);
            if !same_key {
                index.entries.retain(|_, of| of != key);
                if let Some((entry, _)) = after {
                    self.entries += 1;
                    index.entries.insert((entry, self.entries), key.clone());
                }
            }
        }
        cost
    }
}

impl WriteUnits {
    /// The units of the table and its indexes together.
    pub(super) fn total(&self) -> u64 {
        self.table + self.indexes.values().sum::<u64>()
    }

    /// The cost of a transaction's ConditionCheck: the same as a write of the item.
    pub(super) fn of_check(item: Option<&Item>) -> Self {
        Self { table: write_units(item.map_or(0, size)), indexes: BTreeMap::new() }
    }

    /// Adds the cost of a write in a transaction. The table's part counts twice, because the write is prepared and then committed;
    /// the indexes cost the same as outside a transaction.
    pub(super) fn add_transactional(&mut self, write: Self) {
        self.table += 2 * write.table;
        for (name, units) in write.indexes {
            *self.indexes.entry(name).or_default() += units;
        }
    }
}

impl Index {
    /// The part of an item that the index contains.
    pub(super) fn project(&self, table: &KeySchema, item: &Item) -> Item {
        let keys = table.names().chain(self.schema.names());
        let included = match &self.projection {
            Projection::All => return item.clone(),
            Projection::KeysOnly => &[][..],
            Projection::Include(names) => names,
        };
        let names = keys.chain(included.iter().map(String::as_str));
        names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
    }
}

/// One unit per started KB, and at least one.
fn write_units(bytes: usize) -> u64 {
    bytes.div_ceil(1024).max(1) as u64
}
