//! The operands of a comparison.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::dynamodb::error::Error;
use crate::dynamodb::expression::{Parser, Path};
use crate::dynamodb::value::{Item, Number, Value};

/// An operand of a comparison or a function.
#[derive(Debug, Clone)]
pub(in crate::dynamodb) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
}

impl Operand {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Self, Error> {
        if let Some(value) = parser.take_value()? {
            return Ok(Self::Value(value));
        }
        if parser.take_function("size") {
            let path = Path::parse(parser)?;
            parser.expect(")")?;
            return Ok(Self::Size(path));
        }
        Path::parse(parser).map(Self::Path)
    }

    /// The operand's value for an item. `None` if the item does not have the attribute.
    pub(super) fn of<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, Value>> {
        match self {
            Self::Path(path) => path.get(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(path) => {
                let size = match path.get(item)? {
                    Value::S(text) => text.len(),
                    Value::L(values) => values.len(),
                    Value::M(members) => members.len(),
                    Value::Texts(texts) => texts.len(),
                    Value::Numbers(numbers) => numbers.len(),
                    Value::N(_) | Value::Bool(_) | Value::Null(_) => return None,
                };
                Some(Cow::Owned(Value::N(Number(size as i128))))
            }
        }
    }
}

/// The order of two texts or two numbers. Other values have no order.
pub(super) fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::S(one), Value::S(other)) => Some(one.cmp(other)),
        (Value::N(one), Value::N(other)) => Some(one.cmp(other)),
        _ => None,
    }
}
