//! How many spans or log records of one row there may be.

use serde::Deserialize;
use serde_json::Value;

/// A range of numbers: `3`, `0..1`, or `1..` without an upper bound. The default is exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Count {
    least: usize,
    most: usize,
}

impl Count {
    /// The violation, if the number found is outside the range.
    pub(super) fn violation(self, found: usize) -> Option<String> {
        let Self { least, most } = self;
        let expected = match most {
            most if most == least => least.to_string(),
            usize::MAX => format!("{least} or more"),
            most => format!("{least} to {most}"),
        };
        (found < least || found > most).then(|| format!("expected {expected}, found {found}"))
    }
}

impl Default for Count {
    fn default() -> Self {
        Self { least: 1, most: 1 }
    }
}

impl TryFrom<Value> for Count {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let number = |text: &str| text.parse().map_err(|error| format!("count: {text:?}: {error}"));
        match text.split_once("..") {
            None => Ok(Self { least: number(&text)?, most: number(&text)? }),
            Some((least, "")) => Ok(Self { least: number(least)?, most: usize::MAX }),
            Some((least, most)) => Ok(Self { least: number(least)?, most: number(most)? }),
        }
    }
}
