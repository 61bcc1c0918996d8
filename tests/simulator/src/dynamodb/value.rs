//! Attribute values, in DynamoDB's JSON: `{"S": "text"}`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The attributes of an item, or the members of a map, by name.
pub type Item = BTreeMap<String, Value>;

/// The value of an attribute. Binary values are not supported: they are an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    S(String),
    /// A number.
    N(Number),
    /// True or false.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Null. The content is always `true`.
    #[serde(rename = "NULL")]
    Null(bool),
    /// A list.
    L(Vec<Value>),
    /// A map.
    M(Item),
    /// A set of texts.
    #[serde(rename = "SS")]
    Texts(BTreeSet<String>),
    /// A set of numbers.
    #[serde(rename = "NS")]
    Numbers(BTreeSet<Number>),
}

/// An integer. DynamoDB also has fractions; here they are an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub i128);

impl Value {
    /// The content of a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::S(text) => Some(text),
            _ => None,
        }
    }

    /// The content of a number.
    pub fn as_number(&self) -> Option<i128> {
        match self {
            Self::N(number) => Some(number.0),
            _ => None,
        }
    }

    /// The name of the value's type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::Bool(_) => "BOOL",
            Self::Null(_) => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Texts(_) => "SS",
            Self::Numbers(_) => "NS",
        }
    }

    /// The size in bytes, by [DynamoDB's rules].
    ///
    /// [DynamoDB's rules]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size(),
            Self::Bool(_) | Self::Null(_) => 1,
            Self::L(values) => 3 + values.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::M(members) => 3 + members.len() + size(members),
            Self::Texts(texts) => texts.iter().map(String::len).sum(),
            Self::Numbers(numbers) => numbers.iter().map(|number| number.size()).sum(),
        }
    }
}

/// The size of an item in bytes.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

impl Number {
    /// The size in bytes: one byte, one per two significant digits, and one for a minus sign.
    fn size(self) -> usize {
        let digits = self.0.unsigned_abs().to_string();
        1 + digits.trim_end_matches('0').len().div_ceil(2) + usize::from(self.0 < 0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("{text:?} is not an integer")))
    }
}
