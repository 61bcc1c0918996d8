//! The simulator's DynamoDB against the emulator dynoxide: random calls must get the same responses from both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

mod calls;
mod changes;
mod emulator;
mod index;

use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::dynamodb::Database;

use crate::emulator::Emulator;

/// The most calls in one case.
const CALLS: usize = 40;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn responses_equal_the_emulators(calls in prop::collection::vec(calls::call(), 1..CALLS)) {
        let (mut database, emulator) = (Database::default(), Emulator::new());
        for (operation, request) in calls::tables().iter().chain(&calls) {
            let ours = database.call(operation, request.to_string().as_bytes());
            let ours = ours.unwrap_or_else(|error| error.to_json());
            let theirs = emulator.call(operation, &request.to_string());
            if operation != "CreateTable" {
                prop_assert_eq!(comparable(ours), comparable(theirs), "{} {}", operation, request);
            }
        }
    }
}

/// A response without its messages, with sets and items sorted.
fn comparable(mut response: Value) -> Value {
    if let Some(members) = response.as_object_mut() {
        members.retain(|name, _| !matches!(name.to_lowercase().as_str(), "message"));
        if let Some(name) = members.get("__type").and_then(Value::as_str) {
            let name = name.rsplit('#').next().unwrap().to_owned();
            members.insert("__type".into(), json!(name));
        }
        for value in members.values_mut() {
            *value = comparable(value.take());
        }
        // DynamoDB defines the order of items only by their range key.
        for unordered in ["SS", "NS", "Items"] {
            if let Some(Value::Array(values)) = members.get_mut(unordered) {
                values.sort_by_key(Value::to_string);
            }
        }
    } else if let Some(values) = response.as_array_mut() {
        for value in values {
            *value = comparable(value.take());
        }
    }
    response
}
