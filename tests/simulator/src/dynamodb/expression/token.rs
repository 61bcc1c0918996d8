//! The tokens of an expression.

use crate::dynamodb::error::{Error, invalid};

/// A token of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// The name of an attribute or a function, or a keyword.
    Word(String),
    /// `#name`: a placeholder for a name.
    Name(String),
    /// `:value`: a placeholder for a value.
    Value(String),
    /// A list index: the digits in `[0]`.
    Digits(usize),
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`, `+`, `-`, `(`, `)`, `[`, `]`, `.`, `,`.
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "+", "-", "(", ")", "[", "]", ".", ","];

/// Splits an expression into its tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (token, length) = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else if first == '#' || first == ':' {
            let length = 1 + word(&rest[1..]);
            let text = rest[..length].to_owned();
            (if first == '#' { Token::Name(text) } else { Token::Value(text) }, length)
        } else if first.is_ascii_digit() {
            let length = word(rest);
            match rest[..length].parse() {
                Ok(digits) => (Token::Digits(digits), length),
                Err(_) => return invalid(format!("invalid index {:?} in {text:?}", &rest[..length])),
            }
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = word(rest);
            (Token::Word(rest[..length].to_owned()), length)
        } else {
            return invalid(format!("unexpected character {first:?} in {text:?}"));
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}
