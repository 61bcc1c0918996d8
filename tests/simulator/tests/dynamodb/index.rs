//! The order of an index's entries, and its pages. The comparison with the emulator ignores both.

use serde_json::{Value, json};
use simulator::dynamodb::Database;

use crate::calls;

/// A table with items a, b, c and so on, which have these deadlines.
fn with_deadlines(times: &[u32]) -> Database {
    let mut database = Database::default();
    for (operation, request) in calls::tables() {
        database.call(&operation, request.to_string().as_bytes()).unwrap();
    }
    for (name, time) in ('a'..).zip(times) {
        let item = json!({
            "id": { "S": name.to_string() }, "unfinished": { "S": "unfinished" }, "deadline": { "N": time.to_string() },
        });
        call(&mut database, "PutItem", json!({ "TableName": "Single", "Item": item }));
    }
    database
}

fn call(database: &mut Database, operation: &str, request: Value) -> Value {
    database.call(operation, request.to_string().as_bytes()).unwrap()
}

fn query(database: &mut Database, limit: usize, start: Option<&Value>) -> (String, Option<Value>) {
    let mut request = json!({
        "TableName": "Single",
        "IndexName": "unfinished",
        "KeyConditionExpression": "unfinished = :unfinished AND deadline <= :now",
        "ExpressionAttributeValues": { ":unfinished": { "S": "unfinished" }, ":now": { "N": "30" } },
        "Limit": limit,
    });
    if let Some(start) = start {
        request["ExclusiveStartKey"] = start.clone();
    }
    let response = call(database, "Query", request);
    let names = response["Items"].as_array().unwrap().iter().map(|item| item["id"]["S"].as_str().unwrap()).collect();
    (names, response.get("LastEvaluatedKey").cloned())
}

#[test]
fn index_pages_are_in_the_order_of_the_range_key() {
    let mut database = with_deadlines(&[30, 10, 40, 20]);
    let (first, start) = query(&mut database, 2, None);
    let (second, end) = query(&mut database, 2, start.as_ref());
    assert_eq!((first.as_str(), second.as_str(), end), ("bd", "a", None));
}

#[test]
fn entries_with_equal_keys_are_in_insertion_order() {
    let mut database = with_deadlines(&[10, 10, 10]);
    let later = |at: u32| {
        json!({
            "TableName": "Single",
            "Key": { "id": { "S": "a" } },
            "UpdateExpression": "SET deadline = :at",
            "ExpressionAttributeValues": { ":at": { "N": at.to_string() } },
        })
    };
    call(&mut database, "UpdateItem", later(20));
    call(&mut database, "UpdateItem", later(10));
    assert_eq!(query(&mut database, 10, None).0, "bca");
}

#[test]
fn item_without_the_index_key_is_not_in_the_index() {
    let mut database = with_deadlines(&[10, 20]);
    let done = json!({
        "TableName": "Single",
        "Key": { "id": { "S": "a" } },
        "UpdateExpression": "REMOVE unfinished, deadline",
    });
    call(&mut database, "UpdateItem", done);
    assert_eq!(query(&mut database, 10, None).0, "b");
    assert_eq!(database.index_len("Single", "unfinished"), 1);
    assert_eq!(database.items("Single").count(), 2);
}
