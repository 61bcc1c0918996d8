//! Keys of items and of index entries.

use serde::{Deserialize, Serialize};

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::value::{Item, Number, Value};

/// The names of the key attributes: the hash key and the optional range key.
#[derive(Debug, Clone)]
pub(super) struct KeySchema {
    pub(super) hash: String,
    pub(super) range: Option<String>,
}

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) hash: Scalar,
    pub(super) range: Option<Scalar>,
}

/// A key attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Scalar {
    S(String),
    N(Number),
}

impl Scalar {
    pub(super) fn new(value: &Value) -> Option<Self> {
        match value {
            Value::S(text) if !text.is_empty() => Some(Self::S(text.clone())),
            Value::N(number) => Some(Self::N(*number)),
            _ => None,
        }
    }
}

impl KeySchema {
    /// The names of the key attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.hash.as_str()).chain(self.range.as_deref())
    }

    /// The key of an item. `None` if a key attribute is missing or has a type that a key can't have.
    pub(super) fn key(&self, item: &Item) -> Option<Key> {
        let part = |name: &String| item.get(name).and_then(Scalar::new);
        let range = match &self.range {
            Some(name) => Some(part(name)?),
            None => None,
        };
        Some(Key { hash: part(&self.hash)?, range })
    }

    /// The key in a request, which must consist of exactly the key attributes.
    pub(super) fn exactly(&self, attributes: &Item) -> Result<Key, Error> {
        match self.key(attributes) {
            Some(key) if attributes.len() == self.names().count() => Ok(key),
            _ => invalid("the provided key element does not match the schema"),
        }
    }

    /// The key attributes of an item.
    pub(super) fn attributes(&self, item: &Item) -> Item {
        let attribute =
            |name| item.get_key_value(name).map(|(name, value): (&String, _)| (name.clone(), value.clone()));
        self.names().filter_map(attribute).collect()
    }
}
