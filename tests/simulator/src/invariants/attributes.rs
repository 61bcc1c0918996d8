//! Reading the attributes of stored items. A missing attribute reads as zero or empty.

use dynoxide::{AttributeValue, Item};

pub(super) fn number(item: &Item, name: &str) -> i128 {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().unwrap_or_default(),
        _ => 0,
    }
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

pub(super) fn list<'a>(item: &'a Item, name: &str) -> &'a [AttributeValue] {
    match item.get(name) {
        Some(AttributeValue::L(values)) => values,
        _ => &[],
    }
}

/// A text in a map.
pub(super) fn member<'a>(map: &'a AttributeValue, name: &str) -> &'a str {
    match map {
        AttributeValue::M(members) => text(members, name),
        _ => "",
    }
}

/// The units of an order line or of a hold.
pub(super) fn units(map: &AttributeValue) -> i128 {
    match map {
        AttributeValue::M(members) => number(members, "quantity"),
        _ => 0,
    }
}

/// The holds of a product shard.
pub(super) fn holds(shard: &Item) -> impl Iterator<Item = &AttributeValue> {
    let holds = match shard.get("holds") {
        Some(AttributeValue::M(holds)) => Some(holds),
        _ => None,
    };
    holds.into_iter().flatten().map(|(_, hold)| hold)
}
