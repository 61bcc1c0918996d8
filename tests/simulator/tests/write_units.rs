//! What an order costs: the table in `ARCHITECTURE.md`, counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

use serde_json::Value;

#[test]
fn a_confirmed_order_of_one_line_costs_eleven_write_units() {
    let writes = simulator::one_order().unwrap();
    let writes = writes.iter().map(|write| {
        let (table, units, index) = cost(&write.consumed);
        (write.operation.as_str(), table, units, index)
    });
    let (notified, ordered): (Vec<_>, Vec<_>) = writes.partition(|(_, table, ..)| *table == "NotificationsTable");
    let expected = [
        ("UpdateItem", "InventoryTable", 1, 0), // not the order's: the product is entered
        ("PutItem", "OrdersTable", 1, 2),       // PENDING, with its entries in the sparse index and in its user's
        ("UpdateItem", "InventoryTable", 1, 0), // the hold
        ("UpdateItem", "OrdersTable", 1, 0),    // RESERVED
        ("PutItem", "PaymentsTable", 1, 0),     // the charge
        ("PutItem", "InventoryTable", 1, 0),    // the settlement
        ("UpdateItem", "InventoryTable", 1, 0), // the move
        ("UpdateItem", "OrdersTable", 1, 0),    // CONFIRMED, with its event
        ("UpdateItem", "OrdersTable", 1, 1),    // the relay's acknowledgement; out of the index
    ];
    assert_eq!(ordered, expected);
    assert_eq!(ordered[1..].iter().map(|(_, _, units, index)| units + index).sum::<u64>(), 11);
    assert_eq!(notified.len(), 2, "claimed and delivered, not counted: {notified:?}");
}

/// The table, its units and its indexes'.
fn cost(consumed: &Value) -> (&str, u64, u64) {
    let units = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or_default() as u64;
    let indexes = consumed["GlobalSecondaryIndexes"].as_object();
    (
        consumed["TableName"].as_str().unwrap(),
        units(&consumed["Table"]),
        indexes.into_iter().flat_map(|indexes| indexes.values()).map(units).sum(),
    )
}
