//! Expressions: conditions, updates and projections. Unsupported syntax is an error; it is never ignored.

mod condition;
mod key_condition;
mod operand;
mod parser;
mod path;
mod token;
mod update;

pub(super) use condition::Condition;
pub(super) use key_condition::KeyCondition;
pub(super) use parser::Parser;
pub(super) use path::Path;
pub(super) use update::Update;

use crate::dynamodb::error::Error;
use crate::dynamodb::value::Item;

/// Parses a projection, such as `a, b.c[0]`.
pub(super) fn projection(parser: &mut Parser<'_>, text: &str) -> Result<Vec<Path>, Error> {
    parser.parse_all(text, |parser| parser.list(Path::parse))
}

/// Applies a projection to an item. Only top-level attributes are supported.
pub(super) fn project(item: &Item, paths: &[Path]) -> Result<Item, Error> {
    let mut projected = Item::new();
    for path in paths {
        let name = path.attribute()?;
        projected.extend(item.get_key_value(name).map(|(name, value)| (name.clone(), value.clone())));
    }
    Ok(projected)
}
