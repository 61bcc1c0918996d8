//! Listing someone's orders: which page a request asks for.
//!
//! A cursor says where a page ended, by time and order, and not whose orders they were: that the request says, so that nobody gets
//! to another's orders by a cursor. It is opaque to its callers.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde::Deserialize;
use wire::order::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use wire::{OrderId, UserId};

/// The query of `GET /orders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListOrders {
    /// Whose.
    pub(crate) user_id: UserId,
    /// At most how many.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// After which; from the newest on where it is left out.
    #[serde(default)]
    pub(crate) cursor: Option<Cursor>,
}

/// How many orders a page has at most: 1 to [`MAX_PAGE_SIZE`], [`DEFAULT_PAGE_SIZE`] where nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) struct Limit(u8);

/// A number that is no [`Limit`].
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
    /// When it was placed, as its item says it: RFC 3339.
    pub(crate) created_at: String,
    /// The order.
    pub(crate) order_id: OrderId,
}

/// A text that is no [`Cursor`].
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
        /// As long as a time to the nanosecond. DynamoDB takes a text of any length for a time, but refuses a key that is too long.
        const LONGEST: usize = "2026-11-22T10:00:00.123456789Z".len();
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let cursor =
            decoded.as_deref().and_then(|decoded| decoded.split_once(' ')).and_then(|(created_at, order_id)| {
                let is_time = created_at.len() <= LONGEST && DateTime::parse_from_rfc3339(created_at).is_ok();
                let created_at = is_time.then(|| created_at.to_owned())?;
                Some(Self { created_at, order_id: order_id.parse().ok()? })
            });
        // One that is written otherwise than here is not from here.
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
    fn what_is_no_cursor_is_refused() {
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
        fn no_text_is_taken_for_a_cursor_that_is_none(text in "\\PC{0,80}", bytes: Vec<u8>) {
            for text in [text.clone(), encode(&text), BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert!(Cursor::try_from(text).is_err());
            }
        }
    }
}
