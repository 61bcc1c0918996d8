//! The changes that a table's stream reports, idempotent transactions, and unsupported requests.

use serde_json::{Value, json};
use simulator::dynamodb::{Database, Error};

use crate::calls;

fn database() -> Database {
    let mut database = Database::default();
    for (operation, request) in calls::tables() {
        database.call(&operation, request.to_string().as_bytes()).unwrap();
    }
    database
}

fn put(n: u32) -> Value {
    json!({ "TableName": "Single", "Item": { "id": { "S": "a" }, "n": { "N": n.to_string() } } })
}

fn call(database: &mut Database, operation: &str, request: &Value) -> Result<Value, Error> {
    database.call(operation, request.to_string().as_bytes())
}

#[test]
fn only_writes_that_change_an_item_are_reported() {
    let mut database = database();
    for n in [1, 1, 2] {
        call(&mut database, "PutItem", &put(n)).unwrap();
    }
    let mut rejected = put(3);
    rejected["ConditionExpression"] = json!("attribute_not_exists(id)");
    assert_eq!(call(&mut database, "PutItem", &rejected), Err(Error::Condition(None)));
    call(&mut database, "DeleteItem", &json!({ "TableName": "Single", "Key": { "id": { "S": "a" } } })).unwrap();

    let n =
        |item: &Option<std::sync::Arc<simulator::dynamodb::Item>>| item.as_ref().and_then(|item| item["n"].as_number());
    let changes: Vec<_> = database.take_changes().iter().map(|change| (n(&change.old), n(&change.new))).collect();
    assert_eq!(changes, [(None, Some(1)), (Some(1), Some(2)), (Some(2), None)]);
    assert!(database.take_changes().is_empty());
}

#[test]
fn transaction_repeated_with_its_token_is_carried_out_once() {
    let mut database = database();
    let add = json!({
        "TableName": "Single",
        "Key": { "id": { "S": "a" } },
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } },
    });
    let mut transaction = json!({ "ClientRequestToken": "token", "TransactItems": [{ "Update": add }] });
    for _ in 0..2 {
        call(&mut database, "TransactWriteItems", &transaction).unwrap();
    }
    assert_eq!(database.items("Single").next().unwrap()["n"].as_number(), Some(1));
    transaction["TransactItems"][0]["Update"]["Key"]["id"]["S"] = json!("b");
    assert_eq!(call(&mut database, "TransactWriteItems", &transaction), Err(Error::TokenReused));
}

#[test]
fn unsupported_requests_are_errors() {
    let with = |name: &str, value: &str| {
        let mut request = put(1);
        request[name] = json!(value);
        ("PutItem", request)
    };
    let fraction = ("PutItem", json!({ "TableName": "Single", "Item": { "id": { "S": "a" }, "n": { "N": "1.5" } } }));
    let binary = ("PutItem", json!({ "TableName": "Single", "Item": { "id": { "S": "a" }, "n": { "B": "AA==" } } }));
    let unused = {
        let mut request = put(1);
        request["ExpressionAttributeNames"] = json!({ "#n": "n" });
        ("PutItem", request)
    };
    for (operation, request) in [
        ("ExecuteStatement", json!({ "Statement": "SELECT 1" })),
        with("ConditionExpression", "n ~ 1"),
        with("ConditionExpression", "n = :none"),
        with("ConditionExpression", "exists(n)"),
        with("ConditionExpression", "attribute_exists(n) attribute_exists(id)"),
        with("ReturnValues", "UPDATED_NEW"),
        with("Expected", "n"),
        fraction,
        binary,
        unused,
    ] {
        let response = call(&mut database(), operation, &request);
        assert!(matches!(response, Err(Error::Invalid(_))), "{operation} {request}: {response:?}");
    }
    let nowhere = json!({ "TableName": "Nowhere", "Key": { "id": { "S": "a" } } });
    assert_eq!(call(&mut database(), "GetItem", &nowhere), Err(Error::NoTable("Nowhere".into())));
}
