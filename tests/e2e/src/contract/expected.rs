//! What a row of the table expects, and whether it is there.

use std::collections::BTreeMap;
use std::fmt;

use local_trace_viewer::model::Attributes;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Attributes by name. A name that ends with `?` may be missing; null stands for one that must be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Expected(BTreeMap<String, Pattern>);

impl Expected {
    /// The names of all attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| bare(name))
    }

    /// The same with other attributes, which win.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        for (name, value) in &other.0 {
            all.retain(|known, _| bare(known) != bare(name));
            all.insert(name.clone(), value.clone());
        }
        all.retain(|_, pattern| !pattern.said.is_null());
        Self(all)
    }

    /// The same with one attribute more.
    pub(super) fn with(&self, name: &str, pattern: &Pattern) -> Self {
        self.and(&Self(BTreeMap::from([(name.to_owned(), pattern.clone())])))
    }

    /// Whether all are there. Others may be there too.
    pub(super) fn are_in(&self, found: &Attributes) -> bool {
        self.0.iter().all(|(name, expected)| found.get(name).is_some_and(|value| expected.is(value)))
    }

    /// What is missing, wrong, or not expected at all.
    pub(super) fn violations(&self, found: &Attributes) -> Vec<String> {
        let mut violations = Vec::new();
        for (name, expected) in &self.0 {
            match found.get(bare(name)) {
                Some(value) if expected.is(value) => {}
                Some(value) => violations.push(format!("{}: expected {expected}, found {value}", bare(name))),
                None if name.ends_with('?') => {}
                None => violations.push(format!("{name}: expected {expected}, found no such attribute")),
            }
        }
        let declared = |name: &str| self.names().any(|known| known == name);
        let undeclared = found.iter().filter(|(name, _)| !declared(name));
        violations.extend(undeclared.map(|(name, value)| format!("{name}: not in the table, found {value}")));
        violations
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().map(|(name, expected)| format!("{name}: {expected}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// A value as the table says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Pattern {
    said: Value,
    regex: Option<Regex>,
}

impl Pattern {
    /// Whether a value is the expected one: the same; any of a type, for `<int>` and `<bool>`; or, for what begins with `~`, a
    /// text, or an array whose JSON, that the rest matches as a regular expression, from its beginning to its end.
    pub(super) fn is(&self, found: &Value) -> bool {
        match (&self.regex, found) {
            (Some(regex), Value::String(text)) => regex.is_match(text),
            (Some(regex), Value::Array(_)) => regex.is_match(&found.to_string()),
            (Some(_), _) => false,
            (None, _) if self.said == "<int>" => found.is_i64(),
            (None, _) if self.said == "<bool>" => found.is_boolean(),
            (None, _) => self.said == *found,
        }
    }
}

impl TryFrom<Value> for Pattern {
    type Error = regex::Error;

    fn try_from(said: Value) -> Result<Self, regex::Error> {
        let pattern = said.as_str().and_then(|text| text.strip_prefix('~'));
        let regex = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose()?;
        Ok(Self { said, regex })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said.fmt(f)
    }
}

/// How often something is there: `3`, `0..1`, `1..`; once where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Times {
    least: usize,
    most: usize,
}

impl Times {
    /// What is wrong with a number, if anything.
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

impl Default for Times {
    fn default() -> Self {
        Self { least: 1, most: 1 }
    }
}

impl TryFrom<Value> for Times {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let number = |text: &str| text.parse().map_err(|error| format!("times: {text:?}: {error}"));
        match text.split_once("..") {
            None => Ok(Self { least: number(&text)?, most: number(&text)? }),
            Some((least, "")) => Ok(Self { least: number(least)?, most: usize::MAX }),
            Some((least, most)) => Ok(Self { least: number(least)?, most: number(most)? }),
        }
    }
}

/// A name without the `?` of what may be missing.
pub(super) fn bare(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}
