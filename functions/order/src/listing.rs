//! The query of a request that lists a user's orders.
//!
//! A cursor contains the time and the id of the last order of a page, but not the user. The user comes from the request, so a cursor
//! does not give access to another user's orders. Callers treat cursors as opaque.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde::Deserialize;
use wire::order::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use wire::{OrderId, UserId};

/// The query of `GET /orders`.
#[derive(Debug, Deserialize)]
pub(crate) struct ListOrders {
    /// The user.
    pub(crate) user_id: UserId,
    /// The maximum number of orders on the page.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// Where the previous page ended. If left out, the page starts with the newest order.
    #[serde(default)]
    pub(crate) cursor: Option<Cursor>,
}

/// The maximum number of orders on a page: 1 to [`MAX_PAGE_SIZE`], by default [`DEFAULT_PAGE_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) struct Limit(u8);

/// A number that is not a valid [`Limit`].
#[derive(Debug, thiserror::Error)]
#[error("limit must be from 1 to {MAX_PAGE_SIZE}")]
pub(crate) struct InvalidLimit;

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_PAGE_SIZE)
    }
}

impl TryFrom<u8> for Limit {
    type Error = InvalidLimit;

    fn try_from(number: u8) -> Result<Self, InvalidLimit> {
        (1..=MAX_PAGE_SIZE).contains(&number).then_some(Self(number)).ok_or(InvalidLimit)
    }
}

impl From<Limit> for u8 {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

/// The last order of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cursor {
    /// When it was placed, exactly as its item has it (RFC 3339).
    pub(crate) created_at: String,
    /// The order.
    pub(crate) order_id: OrderId,
}

/// A text that is not a valid [`Cursor`].
#[derive(Debug, thiserror::Error)]
#[error("cursor must be the next_cursor of another page")]
pub(crate) struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(format!("{} {}", self.created_at, self.order_id)))
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidCursor;

    fn try_from(text: String) -> Result<Self, InvalidCursor> {
        /// The length of a time with nanoseconds. A longer text could exceed DynamoDB's limit for the length of a key.
        const MAX_LENGTH: usize = "2026-11-22T10:00:00.123456789Z".len();
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let cursor =
            decoded.as_deref().and_then(|decoded| decoded.split_once(' ')).and_then(|(created_at, order_id)| {
                let is_time = created_at.len() <= MAX_LENGTH && DateTime::parse_from_rfc3339(created_at).is_ok();
                let created_at = is_time.then(|| created_at.to_owned())?;
                Some(Self { created_at, order_id: order_id.parse().ok()? })
            });
        // Only the form that this function sends is accepted.
        cursor.filter(|cursor| cursor.to_string() == text).ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn malformed_cursor_is_rejected() {
        let id = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77";
        let (time, endless) = ("2026-11-22T10:00:00Z", format!("2026-11-22T10:00:00.{}Z", "1".repeat(2_000)));
        assert!(Cursor::try_from(encode(&format!("{time} {id}"))).is_ok());
        let plain = format!("{time} {id}");
        let padded = format!("{}=", encode(&plain));
        for bad in ["", "null", &plain, &padded] {
            assert!(Cursor::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let upper = id.to_uppercase();
        for (time, id) in [(time, ""), ("", id), ("yesterday", id), (time, "1"), (time, &upper), (&endless, id)] {
            assert!(Cursor::try_from(encode(&format!("{time} {id}"))).is_err(), "{time} {id}");
        }
    }

    proptest! {
        #[test]
        fn random_text_is_not_a_cursor(text in "\\PC{0,80}", bytes: Vec<u8>) {
            for text in [text.clone(), encode(&text), BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert!(Cursor::try_from(text).is_err());
            }
        }
    }
}
