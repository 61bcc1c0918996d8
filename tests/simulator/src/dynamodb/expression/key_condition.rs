//! Key conditions, which select the items that a query reads: `unfinished = :unfinished AND deadline_ms <= :now`.

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::operand::Operand;
use crate::dynamodb::expression::{Condition, Parser};
use crate::dynamodb::key::KeySchema;
use crate::dynamodb::value::Item;

/// A condition on a key: the value of the hash key and, optionally, a range of the range key.
pub(in crate::dynamodb) struct KeyCondition(Condition);

impl KeyCondition {
    /// Parses a key condition expression.
    pub(in crate::dynamodb) fn parse(parser: &mut Parser<'_>, text: &str, schema: &KeySchema) -> Result<Self, Error> {
        let condition = Condition::parse(parser, text)?;
        let supported = match &condition {
            Condition::And(hash, range) => {
                is_hash(hash, schema) && schema.range.as_deref().is_some_and(|name| is_range(range, name))
            }
            hash => is_hash(hash, schema),
        };
        if supported { Ok(Self(condition)) } else { invalid(format!("key condition {text:?} is not supported")) }
    }

    /// Whether the query reads an item.
    pub(in crate::dynamodb) fn holds(&self, item: &Item) -> bool {
        self.0.holds(item)
    }
}

fn is_hash(condition: &Condition, schema: &KeySchema) -> bool {
    matches!(condition, Condition::Compare(path, "=", Operand::Value(_)) if is_attribute(path, &schema.hash))
}

fn is_range(condition: &Condition, name: &str) -> bool {
    match condition {
        Condition::Compare(path, comparator, Operand::Value(_)) => *comparator != "<>" && is_attribute(path, name),
        Condition::Between(path, Operand::Value(_), Operand::Value(_))
        | Condition::BeginsWith(path, Operand::Value(_)) => is_attribute(path, name),
        _ => false,
    }
}

fn is_attribute(operand: &Operand, name: &str) -> bool {
    matches!(operand, Operand::Path(path) if path.attribute().is_ok_and(|attribute| attribute == name))
}
