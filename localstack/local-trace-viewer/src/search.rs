//! Trace search: the parameters of `GET /api/traces`, and whether a span matches them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::jaeger_json;
use crate::model::Span;

/// A search. A trace matches if one of its spans meets all conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The service's name.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Keys and values of tags. Tags are the attributes of the span, of its resource and of its events, and what Jaeger
    /// derives from the span's kind and status (`error=true`).
    pub tags: Vec<(String, String)>,
    /// The earliest start, in nanoseconds since the Unix epoch.
    pub start: u64,
    /// The latest start, in nanoseconds since the Unix epoch.
    pub end: u64,
    /// The shortest duration.
    pub min_duration: Duration,
    /// The longest duration.
    pub max_duration: Duration,
    /// Maximum number of traces.
    pub limit: usize,
    /// If not empty, these traces are returned, and no other parameter has an effect.
    pub trace_ids: Vec<String>,
}

impl Default for Query {
    /// Matches every span. The limit is 100 traces, as in Jaeger.
    fn default() -> Self {
        Self {
            service: None,
            operation: None,
            tags: Vec::new(),
            start: 0,
            end: u64::MAX,
            min_duration: Duration::ZERO,
            max_duration: Duration::MAX,
            limit: 100,
            trace_ids: Vec::new(),
        }
    }
}

/// A query parameter that cannot be parsed.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("unable to parse param '{name}': {reason}")]
pub struct BadParameter {
    name: String,
    reason: String,
}

impl Query {
    /// Parses the parameters of a URL as Jaeger's API defines them: times in microseconds, durations like `1.2s` or
    /// `100ms`, `tags` as a JSON object of strings. An empty value is the same as no value, and other parameters are
    /// ignored.
    ///
    /// # Errors
    /// Names the parameter that cannot be parsed.
    pub fn parse(parameters: &[(String, String)]) -> Result<Self, BadParameter> {
        let mut query = Self::default();
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            let bad = |reason: &dyn ToString| BadParameter { name: name.clone(), reason: reason.to_string() };
            let microseconds = || value.parse::<u64>().map_err(|error| bad(&error));
            let duration = || duration(value).map_err(|error| bad(&error));
            match name.as_str() {
                "service" => query.service = Some(value.clone()),
                "operation" => query.operation = Some(value.clone()),
                "tags" => {
                    let tags = serde_json::from_str::<BTreeMap<String, String>>(value);
                    query.tags.extend(tags.map_err(|error| bad(&error))?);
                }
                "start" => query.start = microseconds()?.saturating_mul(1_000),
                // Includes the last microsecond.
                "end" => query.end = microseconds()?.saturating_mul(1_000).saturating_add(999),
                "minDuration" => query.min_duration = duration()?,
                "maxDuration" => query.max_duration = duration()?,
                "limit" => query.limit = value.parse().map_err(|error| bad(&error))?,
                "traceID" => query.trace_ids.push(trace_id(value).ok_or_else(|| bad(&"not a trace id"))?),
                _ => {}
            }
        }
        Ok(query)
    }

    pub(crate) fn matches(&self, span: &Span) -> bool {
        self.service.as_ref().is_none_or(|service| service == span.service())
            && self.operation.as_ref().is_none_or(|operation| *operation == span.name)
            && (self.start..=self.end).contains(&span.start_unix_nano)
            && (self.min_duration..=self.max_duration).contains(&span.duration)
            && self.tags.iter().all(|(key, value)| jaeger_json::has_tag(span, key, value))
    }
}

/// Parses a trace id in a URL, which may be in upper case and lack leading zeros.
pub(crate) fn trace_id(text: &str) -> Option<String> {
    let id = u128::from_str_radix(text, 16).ok()?;
    Some(format!("{id:032x}"))
}

/// Parses a duration in Go's notation, which Jaeger's API uses.
fn duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::SignedDuration>()?.try_into()
}
