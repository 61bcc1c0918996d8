//! What each status of an order means for its history, its stock, its charge and its responses. A new status is added here, and in
//! no other file of the simulator.

use crate::workload::Response;

/// The status changes that are allowed. The empty status is an order that does not exist yet.
pub(super) const TRANSITIONS: [(&str, &str); 12] = [
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

/// The event histories that an order can have in a terminal state. Empty for every other status.
pub(super) fn event_histories(status: &str) -> &'static [&'static [&'static str]] {
    match status {
        "CONFIRMED" => &[&["CONFIRMED"]],
        "CANCELLED" => &[&["CANCELLED"], &["CONFIRMED", "CANCELLED"]],
        "REJECTED" => &[&["REJECTED"]],
        "PAYMENT_FAILED" => &[&["PAYMENT_FAILED"]],
        _ => &[],
    }
}

/// Whether an order that ends in the status is charged and its units are sold.
pub(super) fn is_sale(status: &str) -> bool {
    status == "CONFIRMED"
}

/// The first event of an order whose customer got this response, if the response tells.
pub(super) fn first_event_after(response: &Response) -> Option<&'static str> {
    match response.status {
        201 => Some("CONFIRMED"),
        402 => Some("PAYMENT_FAILED"),
        409 if response.is_problem("out-of-stock") => Some("REJECTED"),
        _ => None,
    }
}

/// The statuses in which an order can end after this response to a cancellation, if the response tells.
pub(super) fn statuses_after_cancellation(response: &Response) -> Option<&'static [&'static str]> {
    match response.status {
        200 | 202 => Some(&["CANCELLED"]),
        409 => Some(&["REJECTED", "PAYMENT_FAILED"]),
        _ => None,
    }
}
