//! A table: its items by key, and its indexes.

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
    /// How the table was created, for `DescribeTable`.
    pub(super) description: serde_json::Value,
    /// How many entries its indexes have ever had.
    pub(super) entries: u64,
}

/// What a write costs, in write units: of the table, and of each index that it changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Price {
    pub(super) table: u64,
    pub(super) indexes: BTreeMap<String, u64>,
}

/// A global secondary index: the items that have its key, by it. Entries of the same key stand in the order in which they
/// came, so that a run does not depend on ids that are drawn by chance.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) schema: KeySchema,
    pub(super) projection: Projection,
    pub(super) entries: BTreeMap<(Key, u64), Key>,
}

/// What an index's entries have besides the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Projection {
    KeysOnly,
    Include(Vec<String>),
    All,
}

impl Table {
    /// Puts an item in the place of another, either of which may be none, and gives the write's price.
    pub(super) fn replace(&mut self, key: &Key, new: Option<Arc<Item>>) -> Price {
        let old = match &new {
            Some(item) => self.items.insert(key.clone(), item.clone()),
            None => self.items.remove(key),
        };
        let bytes = old.iter().chain(&new).map(|item| size(item)).max().unwrap_or_default();
        let mut price = Price { table: write_units(bytes), indexes: BTreeMap::new() };
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
            price.indexes.insert(name.clone(), units);
            if !same_key {
                index.entries.retain(|_, of| of != key);
                if let Some((entry, _)) = after {
                    self.entries += 1;
                    index.entries.insert((entry, self.entries), key.clone());
                }
            }
        }
        price
    }
}

impl Price {
    /// The units of the table and of its indexes.
    pub(super) fn total(&self) -> u64 {
        self.table + self.indexes.values().sum::<u64>()
    }

    /// The price of a look at an item that a transaction depends on: as if it were written.
    pub(super) fn of_check(item: Option<&Item>) -> Self {
        Self { table: write_units(item.map_or(0, size)), indexes: BTreeMap::new() }
    }

    /// Adds the price of a write in a transaction: twice the table's part, which is prepared and then committed; the indexes
    /// follow as always.
    pub(super) fn add_transactional(&mut self, write: Self) {
        self.table += 2 * write.table;
        for (name, units) in write.indexes {
            *self.indexes.entry(name).or_default() += units;
        }
    }
}

impl Index {
    /// What the index has of an item.
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

/// One for every started kilobyte, and at least one.
fn write_units(bytes: usize) -> u64 {
    bytes.div_ceil(1024).max(1) as u64
}
