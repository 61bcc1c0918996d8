//! Request and response bodies: parsing never panics, a parsed body survives a round trip, and an order's lines are
//! within their limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::inventory::{Deduct, Product, PutProduct, Reservation, Reserve, Settle};
use wire::movement::{Movement, MovementPage, NewMovement, RecordMovement};
use wire::order::{MAX_LINES, MAX_QUANTITY, OrderPage, OrderView, PlaceOrder};
use wire::payment::{Payment, ProcessPayment, RefundPayment};
use wire::problem::Problem;
use wire::{JsonObject, NotificationJob, OrderEvent};

fuzz_target!(|json: &[u8]| {
    // Bodies that callers send.
    if let Some(order) = round_trip::<PlaceOrder>(json)
        && let Ok(lines) = order.lines()
    {
        assert!((1..=MAX_LINES).contains(&lines.len()));
        assert!(lines.iter().all(|line| (1..=MAX_QUANTITY).contains(&line.quantity)));
    }
    round_trip::<PutProduct>(json);
    if let Some(movement) = round_trip::<NewMovement>(json) {
        let _ = movement.check_quantity();
    }
    round_trip::<RecordMovement>(json);
    round_trip::<Reserve>(json);
    round_trip::<Settle>(json);
    round_trip::<Deduct>(json);
    round_trip::<ProcessPayment>(json);
    round_trip::<RefundPayment>(json);
    // Bodies that functions send to each other.
    round_trip::<OrderView>(json);
    round_trip::<OrderPage>(json);
    round_trip::<Product>(json);
    round_trip::<Movement>(json);
    round_trip::<MovementPage>(json);
    round_trip::<Reservation>(json);
    round_trip::<Payment>(json);
    round_trip::<Problem>(json);
    round_trip::<OrderEvent>(json);
    round_trip::<NotificationJob>(json);
});

/// Parses a body as the functions do, and checks that serialising and parsing it again changes nothing.
fn round_trip<T: Serialize + DeserializeOwned>(json: &[u8]) -> Option<T> {
    let JsonObject(parsed) = serde_json::from_slice::<JsonObject<T>>(json).ok()?;
    let written = serde_json::to_vec(&parsed).unwrap();
    let JsonObject(reparsed) = serde_json::from_slice::<JsonObject<T>>(&written).unwrap();
    assert_eq!(written, serde_json::to_vec(&reparsed).unwrap());
    Some(parsed)
}
