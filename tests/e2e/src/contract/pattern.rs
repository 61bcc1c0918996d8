//! The notation for values in the tables.

use std::fmt;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// A value as a table writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Pattern {
    written: Value,
    regex: Option<Regex>,
}

impl Pattern {
    /// Whether a value matches. `<int>` and `<bool>` match every value of the type. A text that begins with `~` is a
    /// regular expression for a complete text, or for the JSON of an array. Anything else matches an equal value.
    pub(super) fn matches(&self, found: &Value) -> bool {
        match (&self.regex, found) {
            (Some(regex), Value::String(text)) => regex.is_match(text),
            (Some(regex), Value::Array(_)) => regex.is_match(&found.to_string()),
            (Some(_), _) => false,
            (None, _) if self.written == "<int>" => found.is_i64(),
            (None, _) if self.written == "<bool>" => found.is_boolean(),
            (None, _) => self.written == *found,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.written.is_null()
    }
}

impl TryFrom<Value> for Pattern {
    type Error = regex::Error;

    fn try_from(written: Value) -> Result<Self, regex::Error> {
        let pattern = written.as_str().and_then(|text| text.strip_prefix('~'));
        let regex = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose()?;
        Ok(Self { written, regex })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}
