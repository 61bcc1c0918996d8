//! The attributes that a table row expects.

use std::collections::BTreeMap;
use std::fmt;

use local_trace_viewer::model::Attributes;
use serde::Deserialize;

use crate::contract::pattern::Pattern;

/// Patterns by attribute name. An attribute whose name ends with `?` may be missing; one with the value null must be
/// missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct ExpectedAttributes(BTreeMap<String, Pattern>);

impl ExpectedAttributes {
    /// The names of all attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| bare(name))
    }

    /// These attributes and the others. Where both have an attribute, the other's pattern applies.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        for (name, value) in &other.0 {
            all.retain(|known, _| bare(known) != bare(name));
            all.insert(name.clone(), value.clone());
        }
        all.retain(|_, pattern| !pattern.is_null());
        Self(all)
    }

    /// These attributes and one more.
    pub(super) fn with(&self, name: &str, pattern: &Pattern) -> Self {
        self.and(&Self(BTreeMap::from([(name.to_owned(), pattern.clone())])))
    }

    /// Whether all of them are present. There may be others too.
    pub(super) fn are_in(&self, found: &Attributes) -> bool {
        self.0.iter().all(|(name, expected)| found.get(name).is_some_and(|value| expected.matches(value)))
    }

    /// Every attribute that is missing, has a wrong value, or is not declared.
    pub(super) fn violations(&self, found: &Attributes) -> Vec<String> {
        let mut violations = Vec::new();
        for (name, expected) in &self.0 {
            match found.get(bare(name)) {
                Some(value) if expected.matches(value) => {}
                Some(value) => violations.push(format!("{}: expected {expected}, found {value}", bare(name))),
                None if name.ends_with('?') => {}
                None => violations.push(format!("{name}: expected {expected}, found no such attribute")),
            }
        }
        let declared = |name: &str| self.names().any(|known| known == name);
        let undeclared = found.iter().filter(|(name, _)| !declared(name));
        violations.extend(undeclared.map(|(name, value)| format!("{name}: not declared, found {value}")));
        violations
    }
}

impl fmt::Display for ExpectedAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().map(|(name, expected)| format!("{name}: {expected}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// A name without the `?` that marks it as optional.
pub(super) fn bare(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}
