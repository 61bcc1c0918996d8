//! The Idempotency-Key of `POST /orders`, after the [IETF draft]: a key names one order of one user, for 24 hours.
//!
//! The order's id is derived from the route, the user and the key, so the order itself is the record of the key. After a crash, the
//! next request with the key finds the unfinished order.
//!
//! [IETF draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use sha2::{Digest as _, Sha256};
use wire::order::PlaceOrder;
use wire::problem::{Problem, ProblemType};
use wire::{OrderId, UserId};

use crate::{Order, is_terminal};

/// How long a key names the same order. After that it names a new one.
pub const RETENTION: Duration = Duration::hours(24);

/// The maximum length of a key, in characters.
const MAX_LENGTH: usize = 255;

/// A key, chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses the header's value: a string of structured fields (RFC 9651, section 3.3.3), which is in double quotes. Many callers
    /// send it without quotes, which is accepted too.
    pub fn parse(value: &[u8]) -> Result<Self, Problem> {
        let printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let text = std::str::from_utf8(value).ok().map(|text| text.trim_matches(' ')).filter(|text| printable(text));
        let key = text.and_then(|text| match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => Some(text.to_owned()).filter(|text| !text.contains(['"', '\\', ',', ';', ' '])),
        });
        key.filter(|key| (1..=MAX_LENGTH).contains(&key.len())).map(Self).ok_or_else(|| {
            let detail =
                format!("Idempotency-Key must be a string of 1 to {MAX_LENGTH} printable ASCII characters in quotes");
            Problem::new(ProblemType::BadRequest, detail)
        })
    }

    /// The id of the order that a user's key names. `generation` is the number of times that the key has expired.
    pub(crate) fn order_id(&self, user_id: &UserId, generation: u32) -> OrderId {
        OrderId::named(&["POST /orders", user_id.as_str(), &self.0, &generation.to_string()])
    }
}

/// The text of a quoted string after its opening quote. `None` if the string is malformed.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character => text.push(character),
        }
    }
}

/// A hash of a request. It does not depend on how the JSON is formatted.
pub(crate) fn fingerprint(request: &PlaceOrder) -> anyhow::Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(serde_json::to_vec(request)?)))
}

/// Whether the key of an order has expired. The key of an unfinished order never expires.
pub(crate) fn has_expired(order: &Order, now: DateTime<Utc>) -> bool {
    is_terminal(order.status) && order.created_at + RETENTION <= now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Option<String> {
        IdempotencyKey::parse(value.as_bytes()).ok().map(|key| key.0)
    }

    #[test]
    fn key_may_be_in_quotes() {
        for (value, key) in [
            (r#""8e03978e-40d5-43e8-bc93-6894a57f9324""#, "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            (r#" "a b; \"c\" \\" "#, r#"a b; "c" \"#),
        ] {
            assert_eq!(parse(value).as_deref(), Some(key), "{value}");
        }
    }

    #[test]
    fn malformed_key_is_rejected() {
        let long = "k".repeat(256);
        for value in ["", " ", "\"\"", "\"a", "a\"", "\"a\"b", "\"a\\b\"", "a b", "a,b", "\"a\", \"b\"", "ключ", &long]
        {
            assert_eq!(parse(value), None, "{value}");
        }
        for control in ["\tk", "k\u{b}", "\"a\u{7f}\"", "\"\u{0}\""] {
            assert_eq!(parse(control), None, "{control:?}");
        }
        assert!(IdempotencyKey::parse(b"\xff").is_err());
    }

    /// The header's value for a key.
    fn quote(key: &str) -> String {
        format!("\"{}\"", key.replace('\\', r"\\").replace('"', r#"\""#))
    }

    proptest! {
        #[test]
        fn parsed_key_is_printable_and_survives_quoting(value: Vec<u8>, text in "[ \"\\\\,;a\t\u{b}\u{7f}ü]{0,12}") {
            for value in [value.as_slice(), text.as_bytes()] {
                let Ok(IdempotencyKey(key)) = IdempotencyKey::parse(value) else { continue };
                prop_assert!((1..=MAX_LENGTH).contains(&key.len()));
                prop_assert!(key.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{:?}", key);
                prop_assert_eq!(parse(&quote(&key)), Some(key));
            }
        }

        #[test]
        fn any_printable_text_in_quotes_is_a_key(key in "[ -~]{1,255}") {
            prop_assert_eq!(parse(&quote(&key)), Some(key));
        }
    }

    #[test]
    fn key_names_a_different_order_for_each_user_and_generation() {
        let key = IdempotencyKey::parse(b"k").unwrap();
        let [one, other] = ["USER-001", "USER-002"].map(|user| user.parse().unwrap());
        assert_eq!(key.order_id(&one, 0), key.order_id(&one, 0));
        assert_ne!(key.order_id(&one, 0), key.order_id(&other, 0));
        assert_ne!(key.order_id(&one, 0), key.order_id(&one, 1));
    }
}
