//! The bounded store: the newest traces, an index of the links between them, and counts of everything received.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::Serialize;

use crate::model::{Span, SpanRef};
use crate::otlp;
use crate::search::Query;

/// The limits of a [`Store`]. When they are exceeded, the trace whose first span arrived earliest is evicted.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Maximum number of traces.
    pub traces: usize,
    /// Maximum number of spans in all traces together. A span with a dozen attributes takes about 3.5 KB.
    pub spans: usize,
    /// Maximum number of spans in one trace. Further spans are rejected.
    pub spans_per_trace: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { traces: 2_000, spans: 20_000, spans_per_trace: 4_000 }
    }
}

/// What the store has received since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Traces in the store.
    pub traces: usize,
    /// Spans in the store.
    pub spans: usize,
    /// Spans received, including duplicates and rejected ones.
    pub spans_received: usize,
    /// Spans evicted in favour of newer traces.
    pub spans_evicted: usize,
    /// Spans rejected because of invalid ids or because their trace had too many spans.
    pub spans_rejected: usize,
    /// Metric data points received. They are not stored.
    pub metric_data_points: usize,
    /// Log records received. They are not stored.
    pub log_records: usize,
}

/// A thread-safe handle to a store. Clones share the store.
#[derive(Clone)]
pub struct Store(Arc<RwLock<Inner>>);

impl Store {
    /// An empty store.
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(RwLock::new(Inner { capacity, ..Inner::default() })))
    }

    /// Stores the spans of a request; returns how many were rejected. A span that is received twice replaces its first
    /// version.
    pub fn ingest(&self, request: ExportTraceServiceRequest) -> usize {
        let mut inner = self.write();
        let before = inner.counts.spans_rejected;
        for span in otlp::spans(request) {
            inner.counts.spans_received += 1;
            match span {
                Ok(span) => inner.insert(span),
                Err(otlp::InvalidId) => inner.counts.spans_rejected += 1,
            }
        }
        inner.evict();
        inner.counts.spans_rejected - before
    }

    /// The spans of one trace, sorted by start. Empty if the trace is unknown.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let inner = self.read();
        by_start(inner.traces.get(trace_id).into_iter().flat_map(HashMap::values).cloned().collect())
    }

    /// The linked trace, sorted by start: the trace, and the spans of other traces that links join to it and that
    /// started after it. These are its consequences, across any number of links, and the invocations in which its spans
    /// ran. At most 64 other traces are joined. Empty if the trace is unknown.
    pub fn linked_trace(&self, trace_id: &str) -> Vec<Span> {
        self.read().linked_trace(trace_id)
    }

    /// The ids of the traces with a span that matches the query, newest first.
    pub fn search(&self, query: &Query) -> Vec<String> {
        let inner = self.read();
        let matching = inner.traces.iter().filter(|(_, trace)| trace.values().any(|span| query.matches(span)));
        let mut found: Vec<_> =
            matching.map(|(id, trace)| (trace.values().map(|span| span.start_unix_nano).min(), id)).collect();
        found.sort_by_key(|(start, _)| Reverse(*start));
        found.into_iter().take(query.limit).map(|(_, id)| id.clone()).collect()
    }

    /// The names of all services, sorted.
    pub fn services(&self) -> BTreeSet<String> {
        self.read().spans().map(|span| span.service().to_owned()).collect()
    }

    /// The names of a service's operations, sorted.
    pub fn operations(&self, service: &str) -> BTreeSet<String> {
        self.read().spans().filter(|span| span.service() == service).map(|span| span.name.clone()).collect()
    }

    /// What the store has received.
    pub fn counts(&self) -> Counts {
        let inner = self.read();
        Counts { traces: inner.traces.len(), ..inner.counts }
    }

    pub(crate) fn count_metric_data_points(&self, points: usize) {
        self.write().counts.metric_data_points += points;
    }

    pub(crate) fn count_log_records(&self, records: usize) {
        self.write().counts.log_records += records;
    }

    // Ignores poisoning: a panic during a write leaves at worst one span that is not counted correctly.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One trace's spans by span id.
pub(crate) type Trace = HashMap<String, Span>;

#[derive(Default)]
pub(crate) struct Inner {
    capacity: Capacity,
    pub(crate) traces: HashMap<String, Trace>,
    /// Trace ids in the order of their first span's arrival.
    arrivals: VecDeque<String>,
    /// The spans that link to a span, which itself may not have arrived yet.
    pub(crate) linked_from: HashMap<SpanRef, BTreeSet<SpanRef>>,
    counts: Counts,
}

impl Inner {
    pub(crate) fn span(&self, reference: &SpanRef) -> Option<&Span> {
        self.traces.get(&reference.trace_id)?.get(&reference.span_id)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.traces.values().flat_map(HashMap::values)
    }

    fn insert(&mut self, span: Span) {
        if !self.traces.contains_key(&span.trace_id) {
            self.arrivals.push_back(span.trace_id.clone());
        }
        let trace = self.traces.entry(span.trace_id.clone()).or_default();
        if trace.len() >= self.capacity.spans_per_trace && !trace.contains_key(&span.span_id) {
            self.counts.spans_rejected += 1;
            return;
        }
        for link in &span.links {
            self.linked_from.entry(link.target.clone()).or_default().insert(span.reference());
        }
        if trace.insert(span.span_id.clone(), span).is_none() {
            self.counts.spans += 1;
        }
    }

    fn evict(&mut self) {
        while self.traces.len() > self.capacity.traces || self.counts.spans > self.capacity.spans {
            let Some(trace) = self.arrivals.pop_front().and_then(|oldest| self.traces.remove(&oldest)) else { return };
            self.counts.spans -= trace.len();
            self.counts.spans_evicted += trace.len();
            for span in trace.into_values() {
                self.remove_links(&span);
            }
        }
    }

    fn remove_links(&mut self, span: &Span) {
        for link in &span.links {
            if let Some(sources) = self.linked_from.get_mut(&link.target) {
                sources.remove(&span.reference());
                if sources.is_empty() {
                    self.linked_from.remove(&link.target);
                }
            }
        }
    }
}

pub(crate) fn by_start(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| (a.start_unix_nano, &a.span_id).cmp(&(b.start_unix_nano, &b.span_id)));
    spans
}
