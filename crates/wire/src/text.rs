//! Text that callers choose. Its length is limited and it has no control characters, so it can be stored, shown and logged as it is.

use std::fmt;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// A text that has the wrong length or forbidden characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {form}")]
pub struct InvalidText {
    kind: &'static str,
    form: &'static str,
}

/// A JSON value that should be a string. Serde's error for another type of value would repeat the value, which may be a secret.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Other(IgnoredAny),
}

/// Defines a text type by its allowed lengths and characters, and what else it must be.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $form:literal, $lengths:expr, $pattern:literal, $allowed:expr, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "Text", into = "String")]
        #[schema(value_type = String, pattern = $pattern)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                let fits = ($lengths).contains(&text.chars().count()) && text.chars().all($allowed);
                let fits = fits && ($is_valid)(text.as_str());
                fits.then_some(Self(text)).ok_or(InvalidText { kind: $kind, form: $form })
            }
        }

        impl TryFrom<Text> for $name {
            type Error = InvalidText;

            fn try_from(value: Text) -> Result<Self, InvalidText> {
                match value {
                    Text::Text(text) => text.try_into(),
                    Text::Other(IgnoredAny) => Err(InvalidText { kind: $kind, form: "a text" }),
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }
    };
}

/// Defines a text that a person reads.
macro_rules! readable_text {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        text!(
            $(#[$doc])*
            $name,
            $field,
            "1 to 200 characters without control characters",
            1..=200_usize,
            r"^[^\u0000-\u001f\u007f-\u009f]{1,200}$",
            |c: char| !c.is_control(),
            |_: &str| true
        );
    };
}

readable_text!(
    /// The display name of a product: 1 to 200 characters, none of them a control character.
    ProductName,
    "name"
);

readable_text!(
    /// Why stock was changed: 1 to 200 characters, none of them a control character.
    Reason,
    "reason"
);

text!(
    /// The payment provider's token of a card or an account. 1 to 255 printable ASCII characters without spaces. What looks like a
    /// card number is refused. It is a secret: its `Debug` output does not contain it.
    PaymentToken,
    "payment_token",
    "the payment provider's token: 1 to 255 printable ASCII characters without spaces, and no card number",
    1..=255_usize,
    r"^[\x21-\x7e]{1,255}$",
    |c: char| c.is_ascii_graphic(),
    |text: &str| !is_card_number(text)
);

/// Whether a text is nothing but 12 to 19 digits with separators, with a valid check digit (ISO/IEC 7812-1: Luhn).
fn is_card_number(text: &str) -> bool {
    let mut digits = Vec::new();
    for character in text.chars() {
        match character.to_digit(10) {
            Some(digit) => digits.push(digit),
            None if character.is_ascii_alphabetic() => return false,
            None => {}
        }
    }
    let luhn = digits.iter().rev().enumerate().map(|(index, digit)| match (index % 2, digit * 2) {
        (0, _) => *digit,
        (_, doubled) => doubled / 10 + doubled % 10,
    });
    (12..=19).contains(&digits.len()) && luhn.sum::<u32>() % 10 == 0
}

impl fmt::Debug for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PaymentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_rejected_in_escaped_form_too() {
        for bad in [r#""""#, r#""a\u0000""#, r#""a\n""#, r#""\u009b""#, r#""\u007f""#] {
            assert!(serde_json::from_str::<ProductName>(bad).is_err(), "{bad}");
            assert!(serde_json::from_str::<PaymentToken>(bad).is_err(), "{bad}");
        }
        assert!("Überzug, 2 × 3 m".parse::<ProductName>().is_ok());
        for bad in ["a b", "ü", &"x".repeat(256)] {
            assert!(bad.parse::<PaymentToken>().is_err(), "{bad}");
        }
    }

    #[test]
    fn card_number_is_no_payment_token_and_is_never_repeated() {
        // Test numbers that the card networks publish.
        for number in
            ["4111111111111111", "5555-5555-5555-4444", "3782.822463.10005", "6011_1111_1111_1117", "4222222222222"]
        {
            for json in [format!("\"{number}\""), number.replace(|c: char| !c.is_ascii_digit(), "")] {
                let error = serde_json::from_str::<PaymentToken>(&json).unwrap_err().to_string();
                assert!(!error.contains(&number[..4]) && error.starts_with("payment_token must be "), "{error}");
            }
        }
        for token in
            ["4111111111111112", "tok_4111111111111111", "12345678903", "41111111111111111111111", "0x4111111111111111"]
        {
            assert!(token.parse::<PaymentToken>().is_ok(), "{token}");
        }
    }

    #[test]
    fn debug_output_does_not_contain_the_payment_token() {
        let token: PaymentToken = "tok_approve".parse().unwrap();
        assert!(!format!("{token:?}").contains("approve"));
    }

    proptest! {
        #[test]
        fn accepted_name_is_unchanged(text in "\\PC{0,300}") {
            let Ok(name) = text.parse::<ProductName>() else { return Ok(()) };
            prop_assert_eq!(String::from(name), text);
        }
    }
}
