//! Every kind of id has its own type, so that a user's id can't be used as a product's id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A text that is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {form}")]
pub struct InvalidId {
    kind: &'static str,
    form: &'static str,
}

/// Defines an id that is not created by this system: 1 to 64 characters from `A-Z a-z 0-9 . _ -`, not beginning with a dot.
macro_rules! external_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", example = $example)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
                // The id becomes a segment of a URL's path, where `..` would change the path.
                if (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.') {
                    Ok(Self(text.to_owned()))
                } else {
                    let form = "1 to 64 letters, digits, '.', '_' or '-', and not begin with '.'";
                    Err(InvalidId { kind: $kind, form })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

external_id!(
    /// A user: the `sub` of the caller's token.
    UserId,
    "user_id",
    "USER-001"
);
external_id!(
    /// A product of the catalogue.
    ProductId,
    "product_id",
    "PROD-123"
);

external_id!(
    /// A movement of stock. The caller chooses it: it is the movement's idempotency key.
    MovementId,
    "movement_id",
    "DELIVERY-2026-117"
);

/// An order: a UUIDv7 (RFC 9562, section 5.7), or a UUIDv5 (section 5.5) derived from an Idempotency-Key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = "uuid", example = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77")]
pub struct OrderId(Uuid);

impl OrderId {
    /// A new id. Ids sort by the time of their creation.
    #[expect(clippy::new_without_default, reason = "every call returns a different id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The name-based id of a list of words: the same list always gives the same id, and no other list gives it (`["a", "bc"]`
    /// and `["ab", "c"]` give different ids).
    pub fn named(words: &[&str]) -> Self {
        /// The namespace of this system's ids.
        const NAMESPACE: Uuid = Uuid::from_u128(0x6f2f_4f7e_9d0c_4c55_8a52_6d1c_8e0b_9a31);
        let name: Vec<u8> =
            words.iter().flat_map(|word| [&(word.len() as u64).to_be_bytes(), word.as_bytes()].concat()).collect();
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }

    /// A byte that is random, but always the same for this id: it spreads orders evenly over partitions.
    pub fn spread(self) -> u8 {
        self.0.as_bytes()[15]
    }
}

impl FromStr for OrderId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let form = "a UUID";
        let invalid = InvalidId { kind: "order_id", form };
        text.parse().map(Self).map_err(|_| invalid)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A charge. The id is derived from the order's id, so that a repeated request to charge an order is about the same charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(
    value_type = String,
    pattern = "^TXN-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    example = "TXN-019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77"
)]
pub struct TransactionId(OrderId);

impl TransactionId {
    /// The only charge that an order can have.
    pub fn of(order: OrderId) -> Self {
        Self(order)
    }

    /// The order that the charge is for.
    pub fn order(self) -> OrderId {
        self.0
    }
}

impl FromStr for TransactionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let form = "TXN- and a UUID";
        let invalid = InvalidId { kind: "transaction_id", form };
        let order = text.strip_prefix("TXN-").and_then(|id| id.parse().ok());
        order.map(Self).ok_or(invalid)
    }
}

impl TryFrom<String> for TransactionId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<TransactionId> for String {
    fn from(id: TransactionId) -> String {
        id.to_string()
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TXN-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_id_is_short_and_safe_in_a_path() {
        assert_eq!("PROD-123".parse::<ProductId>().unwrap().as_str(), "PROD-123");
        for bad in ["", ".", "..", ".a", "a b", "a/b", "ü", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<ProductId>().is_err(), "{bad:?}");
            assert!(serde_json::from_value::<UserId>(bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn transaction_id_contains_its_order_id() {
        let order = OrderId::new();
        let text = TransactionId::of(order).to_string();
        assert_eq!(text.parse::<TransactionId>().unwrap().order(), order);
        assert!(order.to_string().parse::<TransactionId>().is_err());
    }

    #[test]
    fn same_words_give_the_same_id_and_other_words_a_different_one() {
        let named = OrderId::named(&["POST /orders", "USER-001", "key"]);
        assert_eq!(OrderId::named(&["POST /orders", "USER-001", "key"]), named);
        assert_eq!(named.to_string().parse(), Ok(named));
        assert_eq!(named.to_string().as_bytes()[14], b'5', "a UUIDv5: {named}");
        let others: [&[&str]; 6] = [
            &["POST /orders", "USER-002", "key"],
            &["POST /orders", "USER-001", "Key"],
            &["POST /orders", "USER-001key"],
            &["POST /orders", "USER-001", "key", ""],
            &["POST /orders", "USER-00", "1key"],
            &["USER-001", "POST /orders", "key"],
        ];
        for other in others {
            assert_ne!(OrderId::named(other), named, "{other:?}");
        }
    }
}
