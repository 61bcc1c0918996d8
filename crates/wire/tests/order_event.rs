//! The records of the topic are valid by the schema, and the schema rejects invalid ones.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonschema::Validator;
use serde_json::{Value, json};
use strum::VariantArray as _;
use wire::order::PricedLine;
use wire::{Money, OrderEvent, OrderEventType, OrderId, OrderStatus, UnitPrice};

const SCHEMA: &str = include_str!("../schemas/order-event.v1.schema.json");
/// A batch of the Kafka trigger with a real record of the topic.
const NOTIFICATION: &str = include_str!("../../../events/notification.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

/// An event of an order with one line.
fn event(event_type: OrderEventType, sequence: u32, unit_price: UnitPrice, quantity: u32) -> OrderEvent {
    let order_id = OrderId::new();
    let amount = unit_price.times(quantity, &"USD".to_owned().try_into().unwrap()).unwrap();
    OrderEvent {
        event_id: format!("{order_id}:{sequence}"),
        version: 1,
        sequence,
        order_id,
        user_id: "USER-001".parse().unwrap(),
        event_type,
        items: vec![PricedLine { product_id: "PROD-123".parse().unwrap(), quantity, unit_price, amount }],
        amount,
        currency: "USD".to_owned().try_into().unwrap(),
        occurred_at: "2026-11-22T10:00:00.250Z".parse().unwrap(),
    }
}

fn price(millis: i64) -> UnitPrice {
    UnitPrice::from_millis(millis).unwrap()
}

/// The event of the tutorial's order as it is sent to the topic.
fn confirmed() -> Value {
    serde_json::to_value(event(OrderEventType::Confirmed, 1, price(99_995), 2)).unwrap()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_event_type_and_no_other_status_is_valid() {
    let validator = validator();
    let mut event = serde_json::to_value(event(OrderEventType::Confirmed, 2, price(100), 3)).unwrap();
    for status in OrderStatus::VARIANTS {
        event["status"] = serde_json::to_value(status).unwrap();
        let is_announced = OrderEventType::VARIANTS.iter().any(|event_type| event_type.status() == *status);
        assert_eq!(validator.is_valid(&event), is_announced, "{event}");
    }
    for event_type in OrderEventType::VARIANTS {
        event["status"] = serde_json::to_value(event_type).unwrap();
        assert!(validator.is_valid(&event), "{event}");
    }
}

#[test]
fn every_price_and_amount_is_valid() {
    let validator = validator();
    // Some of these decimals have no exact binary fraction: 0.07, 1.1, 8.2, 999999999.99.
    for millis in [0, 1, 5, 70, 1_100, 8_200, 99_995, 4_350, 999_999_999_990, 1_000_000_000_000] {
        let event = serde_json::to_value(event(OrderEventType::Confirmed, 1, price(millis), 1)).unwrap();
        let errors: Vec<_> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{event}: {errors:?}");
    }
    let mut event = event(OrderEventType::Confirmed, 1, price(0), 1);
    for minor in (0..5_000).chain(99_999_999_000..=100_000_000_000) {
        event.amount = Money::from_minor(minor).unwrap();
        assert!(validator.is_valid(&serde_json::to_value(&event).unwrap()), "{}", event.amount);
    }
}

#[test]
fn event_file_of_the_trigger_is_valid() {
    let batch: Value = serde_json::from_str(NOTIFICATION).unwrap();
    let value = batch["records"]["order-notifications-0"][0]["value"].as_str().unwrap();
    let event: Value = serde_json::from_slice(&BASE64.decode(value).unwrap()).unwrap();
    assert!(validator().is_valid(&event), "{event}");
    serde_json::from_value::<OrderEvent>(event).unwrap();
}

#[test]
fn invalid_value_is_rejected() {
    let validator = validator();
    let invalid = [
        ("/event_id", json!("1")),
        ("/event_id", json!("019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77:0")),
        ("/version", json!(2)),
        ("/sequence", json!(0)),
        ("/sequence", json!(1.5)),
        ("/order_id", json!("ORDER-1")),
        ("/user_id", json!("USER 001")),
        ("/status", json!("RESERVED")),
        ("/status", json!("confirmed")),
        ("/items", json!([])),
        ("/items/0/product_id", json!("")),
        ("/items/0/quantity", json!(0)),
        ("/items/0/unit_price", json!(99.9951)),
        ("/items/0/amount", json!("199.99")),
        ("/amount", json!(199.991)),
        ("/amount", json!(-0.01)),
        ("/amount", json!(1_000_000_000.01)),
        ("/amount", json!("199.99")),
        ("/currency", json!("usd")),
        ("/occurred_at", json!("22.11.2026")),
        ("/occurred_at", json!(1_795_341_600)),
    ];
    for (pointer, value) in invalid {
        let mut event = confirmed();
        *event.pointer_mut(pointer).unwrap() = value;
        let errors: Vec<_> = validator.iter_errors(&event).map(|error| error.instance_path().to_string()).collect();
        assert_eq!(errors, [pointer], "{event}");
    }
    assert!(validator.is_valid(&confirmed()));
}

#[test]
fn every_field_is_required_and_unknown_fields_are_ignored() {
    let validator = validator();
    for (object, keys) in [("", keys(&confirmed())), ("/items/0", keys(&confirmed()["items"][0]))] {
        for key in keys {
            let mut event = confirmed();
            event.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(key).unwrap();
            assert!(!validator.is_valid(&event), "{key} is missing");
        }
        let mut event = confirmed();
        event.pointer_mut(object).unwrap()["of_tomorrow"] = json!({"any": "thing"});
        assert!(validator.is_valid(&event), "{event}");
        serde_json::from_value::<OrderEvent>(event).unwrap();
    }
}

#[test]
fn every_field_has_a_description() {
    let (schema, event) = (schema(), confirmed());
    for (described, sent) in [(&schema, &event), (&schema["$defs"]["item"], &event["items"][0])] {
        assert_eq!(keys(&described["properties"]), keys(sent));
        for (name, property) in described["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{name}");
        }
    }
}
