//! Jaeger's trace search: what may be asked, and whether a span is an answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::SpanRelativeTo;

use crate::{jaeger, model::Span};

/// A search. A trace is found when one of its spans has everything that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The service's name.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Keys and values, looked for in the span's attributes, its resource's and its events', and in the tags that Jaeger
    /// makes of kind and status (`error=true`).
    pub tags: Vec<(String, String)>,
    /// The earliest start, in nanoseconds since the Unix epoch.
    pub start: u64,
    /// The latest start, in nanoseconds since the Unix epoch.
    pub end: u64,
    /// The shortest duration.
    pub min_duration: Duration,
    /// The longest duration.
    pub max_duration: Duration,
    /// Traces at most.
    pub limit: usize,
    /// Ask for these traces, and for nothing else.
    pub trace_ids: Vec<String>,
}

impl Default for Query {
    /// Matches every span; 100 traces at most, as Jaeger does.
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

/// A query parameter that cannot be understood.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("unable to parse param '{name}': {reason}")]
pub struct BadParameter {
    name: String,
    reason: String,
}

impl Query {
    /// From the URL's parameters, as Jaeger's API defines them: times in microseconds, durations like `1.2s` or `100ms`, `tags`
    /// a JSON object of strings, `tag` a `key:value`, `lookback` like `1h` in place of `start`. An empty value counts as none.
    pub fn parse(parameters: &[(String, String)]) -> Result<Self, BadParameter> {
        let mut query = Self::default();
        let (mut start, mut lookback) = (None, None);
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            let bad = |reason: &dyn ToString| BadParameter { name: name.clone(), reason: reason.to_string() };
            let number = || value.parse::<u64>().map_err(|error| bad(&error));
            let duration = || duration(value).map_err(|error| bad(&error));
            match name.as_str() {
                "service" => query.service = Some(value.clone()),
                "operation" => query.operation = Some(value.clone()),
                "tags" => {
                    let tags = serde_json::from_str::<std::collections::BTreeMap<String, String>>(value);
                    query.tags.extend(tags.map_err(|error| bad(&error))?);
                }
                "tag" => {
                    let (key, value) = value.split_once(':').ok_or_else(|| bad(&"expecting key:value"))?;
                    query.tags.push((key.to_owned(), value.to_owned()));
                }
                "start" => start = Some(number()?.saturating_mul(1_000)),
                // The whole of the last microsecond.
                "end" => query.end = number()?.saturating_mul(1_000).saturating_add(999),
                "lookback" if value != "custom" => lookback = Some(duration()?),
                "minDuration" => query.min_duration = duration()?,
                "maxDuration" => query.max_duration = duration()?,
                "limit" => query.limit = value.parse().map_err(|error| bad(&error))?,
                "traceID" => query.trace_ids.push(trace_id(value).ok_or_else(|| bad(&"not a trace id"))?),
                _ => {}
            }
        }
        query.start = start.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let end = Duration::from_nanos(query.end).min(now);
            lookback.map_or(0, |lookback| nanos(end.saturating_sub(lookback)))
        });
        Ok(query)
    }

    pub(crate) fn matches(&self, span: &Span) -> bool {
        self.service.as_ref().is_none_or(|service| service == span.service())
            && self.operation.as_ref().is_none_or(|operation| *operation == span.name)
            && (self.start..=self.end).contains(&span.start_unix_nano)
            && (self.min_duration..=self.max_duration).contains(&span.duration)
            && self.tags.iter().all(|(key, value)| jaeger::has_tag(span, key, value))
    }
}

/// A trace id as it may stand in a URL: in any case, and without leading zeros.
pub(crate) fn trace_id(text: &str) -> Option<String> {
    let id = u128::from_str_radix(text, 16).ok()?;
    Some(format!("{id:032x}"))
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Go's notation, which Jaeger's API uses and jiff understands, with the UI's days and weeks.
fn duration(text: &str) -> Result<Duration, jiff::Error> {
    text.parse::<jiff::Span>()?.to_duration(SpanRelativeTo::days_are_24_hours())?.try_into()
}
