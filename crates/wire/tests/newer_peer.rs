//! During a deployment, old and new functions run side by side: messages from a newer peer have fields that this version does not
//! know, and the message is read all the same. Only the gateway is strict, with callers from outside (`chassis::http::StrictJson`).
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::fmt::Debug;
use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wire::inventory::{Deduct, PutProduct, Reserve, Settle};
use wire::order::{OrderPage, PlaceOrder};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::problem::Problem;
use wire::{NotificationJob, OrderEvent, OrderStatus};

const ORDER: &str = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77";

/// Adds a field to every object.
fn extend(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(extend);
            fields.insert("of_tomorrow".to_owned(), json!({"nested": [1, 2]}));
        }
        Value::Array(items) => items.iter_mut().for_each(extend),
        _ => {}
    }
}

/// Checks that a message means the same with more fields.
fn check<T: DeserializeOwned + Serialize + Debug>(message: Value) {
    let known: T = serde_json::from_value(message.clone()).unwrap();
    let mut newer = message;
    extend(&mut newer);
    let read: T = serde_json::from_value(newer).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(known).unwrap());
}

#[test]
fn unknown_fields_of_a_newer_peer_are_ignored() {
    let line = json!({"product_id": "PROD-123", "quantity": 2});
    let money = json!({"amount": 199.99, "currency": "USD"});
    let priced = json!({"product_id": "PROD-123", "quantity": 2, "unit_price": 99.995, "amount": 199.99});
    let order = json!({
        "order_id": ORDER, "user_id": "U", "status": "CONFIRMED", "items": [priced], "amount": 199.99, "currency": "USD",
        "created_at": "2026-11-22T10:00:00Z",
    });
    check::<PlaceOrder>(json!({"user_id": "U", "items": [line]}));
    check::<OrderPage>(json!({"orders": [order]}));
    check::<Reserve>(json!({"order_id": ORDER, "items": [line]}));
    check::<Settle>(json!({"items": [line]}));
    check::<Deduct>(json!({"order_id": ORDER, "product_id": "P", "quantity": 1}));
    check::<PutProduct>(json!({"name": "N", "unit_price": 1.5, "currency": "USD"}));
    check::<ProcessPayment>(json!({"order_id": ORDER, "amount": 1, "currency": "USD", "payment_token": "tok_approve"}));
    check::<RefundPayment>(money);
    check::<Payment>(json!({
        "transaction_id": format!("TXN-{ORDER}"), "order_id": ORDER, "status": "APPROVED", "amount": 1, "currency": "USD",
    }));
    check::<Problem>(json!({"type": "urn:order-system:problem:conflict", "title": "T", "status": 409}));
    check::<OrderEvent>(json!({
        "event_id": format!("{ORDER}:1"), "version": 1, "sequence": 1, "order_id": ORDER, "user_id": "U", "status": "CONFIRMED",
        "items": [priced], "amount": 199.99, "currency": "USD", "occurred_at": "2026-11-22T10:00:00Z",
    }));
    check::<NotificationJob>(json!({
        "event_id": format!("{ORDER}:1"), "channel": "log", "order_id": ORDER, "user_id": "U", "status": "CONFIRMED",
    }));
}

/// For the types that the test above does not list.
#[test]
fn no_type_of_this_crate_denies_unknown_fields() {
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        // Its types only describe a schema.
        if !path.ends_with("place_order_schema.rs") {
            let strict = fs::read_to_string(&path).unwrap().contains("deny_unknown_fields");
            assert!(!strict, "{}: a message of a newer peer would be refused", path.display());
        }
    }
}

/// An answer with an unknown status cannot be read, which the client takes as an unknown outcome, never as one of the known ones.
#[test]
fn unknown_status_of_a_newer_peer_is_not_taken_for_another() {
    assert!(serde_json::from_value::<PaymentStatus>(json!("DISPUTED")).is_err());
    assert!(serde_json::from_value::<OrderStatus>(json!("RETURNED")).is_err());
}
