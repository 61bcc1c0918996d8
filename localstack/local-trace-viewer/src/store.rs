//! The bounded store: the newest traces, an index of who links to whom, and counts of everything that came in.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::Serialize;

use crate::{
    model::{Span, SpanKind, SpanRef},
    otlp,
    search::Query,
};

/// How much a [`Store`] keeps. When a trace or a span more would not fit, the trace that began to arrive first is evicted.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Traces at most.
    pub traces: usize,
    /// Spans at most, of all traces together. One with a dozen attributes takes about 3.5 KB.
    pub spans: usize,
    /// Spans of one trace at most; further ones are rejected.
    pub spans_per_trace: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { traces: 2_000, spans: 20_000, spans_per_trace: 4_000 }
    }
}

/// What came in since the start, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Traces that are kept now.
    pub traces: usize,
    /// Spans that are kept now.
    pub spans: usize,
    /// Spans that arrived, repeated and rejected ones included.
    pub spans_received: usize,
    /// Spans that made room for newer traces.
    pub spans_evicted: usize,
    /// Spans without valid ids, or beyond what one trace may have.
    pub spans_rejected: usize,
    /// Metric data points that arrived; they are not kept.
    pub metric_data_points: usize,
    /// Log records that arrived; they are not kept.
    pub log_records: usize,
}

/// A thread-safe handle: clones share one store.
#[derive(Clone)]
pub struct Store(Arc<RwLock<Inner>>);

impl Store {
    /// An empty store.
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(RwLock::new(Inner { capacity, ..Inner::default() })))
    }

    /// Keeps the request's spans and answers how many were rejected. A span that comes again replaces the first copy.
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

    /// The spans of one trace, by start; empty when the trace is unknown.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let inner = self.read();
        by_start(inner.traces.get(trace_id).into_iter().flat_map(HashMap::values).cloned().collect())
    }

    /// The trace together with the spans of other traces that are joined to it by links and began after it did, by start:
    /// what follows from it, across any number of links, and the invocations that its spans ran in. 64 other traces at most.
    pub fn connected(&self, trace_id: &str) -> Vec<Span> {
        self.read().connected(trace_id)
    }

    /// The traces of which one span matches the query, newest first, without what is linked to them.
    pub fn search(&self, query: &Query) -> Vec<Vec<Span>> {
        let inner = self.read();
        let mut found: Vec<_> = inner
            .traces
            .values()
            .filter(|trace| trace.values().any(|span| query.matches(span)))
            .map(|trace| (trace.values().map(|span| span.start_unix_nano).min(), trace))
            .collect();
        found.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
        found.into_iter().take(query.limit).map(|(_, trace)| by_start(trace.values().cloned().collect())).collect()
    }

    /// The names of all services, sorted.
    pub fn services(&self) -> BTreeSet<String> {
        self.read().spans().map(|span| span.service().to_owned()).collect()
    }

    /// The names and kinds of a service's operations, sorted.
    pub fn operations(&self, service: &str) -> BTreeSet<(String, SpanKind)> {
        self.read().spans().filter(|span| span.service() == service).map(|s| (s.name.clone(), s.kind)).collect()
    }

    /// What came in, and what is kept.
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

    // A panic elsewhere leaves at worst one span half counted: going on is better than ending the viewer.
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
    /// Trace ids, the first to arrive in front.
    arrivals: VecDeque<String>,
    /// For a span that is linked to, the spans that link to it. The target itself may be unknown yet.
    pub(crate) linked_from: HashMap<SpanRef, BTreeSet<SpanRef>>,
    counts: Counts,
}

impl Inner {
    pub(crate) fn span(&self, at: &SpanRef) -> Option<&Span> {
        self.traces.get(&at.trace_id)?.get(&at.span_id)
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
                self.forget_links(&span);
            }
        }
    }

    fn forget_links(&mut self, span: &Span) {
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
