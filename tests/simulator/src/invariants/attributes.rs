//! Reading the attributes of stored items. A missing attribute reads as zero or empty.

use crate::dynamodb::{Item, Value};

pub(super) fn number(item: &Item, name: &str) -> i128 {
    item.get(name).and_then(Value::as_number).unwrap_or_default()
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_text).unwrap_or_default()
}

pub(super) fn list<'a>(item: &'a Item, name: &str) -> &'a [Value] {
    match item.get(name) {
        Some(Value::L(values)) => values,
        _ => &[],
    }
}

/// A text in a map.
pub(super) fn member<'a>(map: &'a Value, name: &str) -> &'a str {
    match map {
        Value::M(members) => text(members, name),
        _ => "",
    }
}

/// The units of an order line or of a hold.
pub(super) fn units(map: &Value) -> i128 {
    match map {
        Value::M(members) => number(members, "quantity"),
        _ => 0,
    }
}

/// The holds of a product shard.
pub(super) fn holds(shard: &Item) -> impl Iterator<Item = &Value> {
    let holds = match shard.get("holds") {
        Some(Value::M(holds)) => Some(holds),
        _ => None,
    };
    holds.into_iter().flatten().map(|(_, hold)| hold)
}
