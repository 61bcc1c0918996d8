//! What must hold at every single write.

use crate::dynamodb::{Change, Item, Value};
use crate::kernel::Kernel;

use crate::world::stream::Stream;
use crate::world::system::Names;

/// Looks at every write.
pub(crate) struct Watch {
    pub(crate) kernel: Kernel,
    pub(crate) names: Names,
    pub(crate) stream: Stream,
}

impl Watch {
    pub(crate) fn see(&self, change: &Change) {
        if change.table == self.names.inventory {
            self.see_stock(change);
        } else if change.table == self.names.orders {
            self.see_order(change);
            if let Some(new) = &change.new {
                self.stream.push(new);
            }
        }
    }

    fn see_stock(&self, change: &Change) {
        let Some(new) = change.new.as_ref().filter(|item| item.contains_key("stock")) else { return };
        let pieces = ["stock", "reserved", "sold"].map(|name| number(new, name));
        let held: i128 = holds(new).sum();
        if pieces.iter().any(|pieces| *pieces < 0) {
            self.kernel.violate("stock is never below zero", format!("{new:?}"));
        }
        if held != pieces[1] {
            self.kernel.violate("what is reserved is held by orders", format!("{new:?}"));
        }
        if let Some(old) = &change.old {
            let before: i128 = ["stock", "reserved", "sold"].map(|name| number(old, name)).iter().sum();
            if before != pieces.iter().sum() {
                self.kernel.violate("stock + reserved + sold is constant", format!("{old:?}\n  then {new:?}"));
            }
        }
    }

    fn see_order(&self, change: &Change) {
        /// Every way from status to status.
        const WAYS: [(&str, &str); 12] = [
            ("", "PENDING"),
            ("PENDING", "RESERVED"),
            ("PENDING", "REJECTED"),
            ("PENDING", "CANCELLING"),
            ("RESERVED", "PAID"),
            ("RESERVED", "CONFIRMED"),
            ("RESERVED", "PAYMENT_FAILED"),
            ("RESERVED", "CANCELLING"),
            ("PAID", "CONFIRMED"),
            ("PAID", "CANCELLING"),
            ("CONFIRMED", "CANCELLING"),
            ("CANCELLING", "CANCELLED"),
        ];
        let of = |item: &Option<_>| item.as_deref().map_or("", |item| text(item, "status")).to_owned();
        let (from, to) = (of(&change.old), of(&change.new));
        if from != to && !WAYS.contains(&(&from, &to)) {
            self.kernel.violate("an order moves by a transition", format!("{from} -> {to}: {:?}", change.new));
        }
        let events = |item: &Option<std::sync::Arc<Item>>| {
            item.as_deref().map(|item| list(item, "events").to_vec()).unwrap_or_default()
        };
        if !events(&change.new).starts_with(&events(&change.old)) {
            self.kernel.violate("an event stays as it is", format!("{:?}\n  then {:?}", change.old, change.new));
        }
    }
}

/// How many pieces each order holds of a shard.
fn holds(shard: &Item) -> impl Iterator<Item = i128> {
    let holds = match shard.get("holds") {
        Some(Value::M(holds)) => Some(holds),
        _ => None,
    };
    holds.into_iter().flatten().map(|(_, hold)| match hold {
        Value::M(hold) => number(hold, "quantity"),
        _ => 0,
    })
}

pub(crate) fn number(item: &Item, name: &str) -> i128 {
    item.get(name).and_then(Value::as_number).unwrap_or_default()
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_text).unwrap_or_default()
}

pub(crate) fn list<'a>(item: &'a Item, name: &str) -> &'a [Value] {
    match item.get(name) {
        Some(Value::L(values)) => values,
        _ => &[],
    }
}
