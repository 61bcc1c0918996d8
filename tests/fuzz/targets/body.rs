//! Bodies of requests: nothing panics, what is read is written so that it is read as the same, and an order's lines keep their
//! promises.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::inventory::{Deduct, Product, PutProduct, Reservation, Reserve, Settle};
use wire::order::{MAX_LINES, MAX_QUANTITY, OrderPage, OrderView, PlaceOrder};
use wire::payment::{Payment, ProcessPayment, RefundPayment};
use wire::problem::Problem;
use wire::{NotificationJob, Object, OrderEvent};

fuzz_target!(|json: &[u8]| {
    // As callers send them.
    if let Some(order) = is_stable::<PlaceOrder>(json)
        && let Ok(lines) = order.lines()
    {
        assert!((1..=MAX_LINES).contains(&lines.len()));
        assert!(lines.iter().all(|line| (1..=MAX_QUANTITY).contains(&line.quantity)));
    }
    is_stable::<PutProduct>(json);
    is_stable::<Reserve>(json);
    is_stable::<Settle>(json);
    is_stable::<Deduct>(json);
    is_stable::<ProcessPayment>(json);
    is_stable::<RefundPayment>(json);
    // As functions send them to each other.
    is_stable::<OrderView>(json);
    is_stable::<OrderPage>(json);
    is_stable::<Product>(json);
    is_stable::<Reservation>(json);
    is_stable::<Payment>(json);
    is_stable::<Problem>(json);
    is_stable::<OrderEvent>(json);
    is_stable::<NotificationJob>(json);
});

/// Reads a body, as the functions do. What it says is written and read again without a difference.
fn is_stable<T: Serialize + DeserializeOwned>(json: &[u8]) -> Option<T> {
    let Object(read) = serde_json::from_slice::<Object<T>>(json).ok()?;
    let written = serde_json::to_vec(&read).unwrap();
    let Object(again) = serde_json::from_slice::<Object<T>>(&written).unwrap();
    assert_eq!(written, serde_json::to_vec(&again).unwrap());
    Some(read)
}
