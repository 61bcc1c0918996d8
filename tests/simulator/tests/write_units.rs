//! The cost of an order in DynamoDB write units, as the table in `ARCHITECTURE.md` has it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

use serde_json::Value;

#[test]
fn confirmed_order_of_one_line_costs_eleven_write_units() {
    let writes = simulator::writes_of_one_order().unwrap();
    let writes = writes.iter().map(|write| {
        let (table, units, index) = cost(&write.consumed);
        (write.operation.as_str(), table, units, index)
    });
    let (notification, order): (Vec<_>, Vec<_>) = writes.partition(|(_, table, ..)| *table == "NotificationsTable");
    let expected = [
        ("PutItem", "OrdersTable", 1, 2), // PENDING, with its entries in two indexes: unfinished and by user
        ("UpdateItem", "InventoryTable", 1, 0), // the hold
        ("UpdateItem", "OrdersTable", 1, 0), // RESERVED
        ("PutItem", "PaymentsTable", 1, 0), // the charge
        ("PutItem", "InventoryTable", 1, 0), // the settlement
        ("UpdateItem", "InventoryTable", 1, 0), // the hold becomes a sale
        ("UpdateItem", "OrdersTable", 1, 0), // CONFIRMED, with its event
        ("UpdateItem", "OrdersTable", 1, 1), // the event is relayed; the order leaves the index of unfinished orders
    ];
    assert_eq!(order, expected);
    assert_eq!(order.iter().map(|(_, _, units, index)| units + index).sum::<u64>(), 11);
    assert_eq!(notification.len(), 2, "one claim and one delivery, which are not counted: {notification:?}");
}

/// The table, its write units, and those of its indexes.
fn cost(consumed: &Value) -> (&str, u64, u64) {
    let units = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or_default() as u64;
    let indexes = consumed["GlobalSecondaryIndexes"].as_object();
    (
        consumed["TableName"].as_str().unwrap(),
        units(&consumed["Table"]),
        indexes.into_iter().flat_map(|indexes| indexes.values()).map(units).sum(),
    )
}
