//! The linked trace: a trace, and the spans of other traces that are joined to it by span links.
//!
//! Following every link in both directions would join all orders of a busy hour, because one invocation of a consumer
//! handles the messages of many orders and every one of them links to it. So a linked trace grows span by span, and
//! only forward in time:
//!
//! - A span that links to one of its spans is a consequence. It is added with all spans below it, and with its parents
//!   as long as they started after the span that it links to (the invocation that handled the message). Consequences of
//!   these spans are added too.
//! - A span that one of the trace's own spans links to (such as the invocation that sent its message) is added with all
//!   spans below it if it started after the trace. If it started earlier, it belongs to the history of another trace,
//!   and only the link remains.
//!
//! So the linked trace of an order contains everything that happened for it, and nothing of another order that shared
//! an invocation with it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::model::{Span, SpanRef};
use crate::store::{Inner, Trace, by_start};

/// Maximum number of other traces in a linked trace; those that are fewest links away come first. Thousands of traces
/// can link to one trace.
const MAX_JOINED_TRACES: usize = 64;

impl Inner {
    pub(crate) fn linked_trace(&self, trace_id: &str) -> Vec<Span> {
        let Some(trace) = self.traces.get(trace_id) else { return Vec::new() };
        let began = trace.values().map(|span| span.start_unix_nano).min().unwrap_or_default();
        let mut linked = LinkedTrace::default();
        let mut queue: VecDeque<&Span> = trace.values().collect();
        queue.make_contiguous().sort_by_key(|span| span.start_unix_nano);
        linked.add(queue.iter().copied());

        for context in queue.iter().flat_map(|span| &span.links).filter_map(|link| self.span(&link.target)) {
            if context.start_unix_nano >= began {
                linked.add(self.parents(context, began));
                linked.add(self.with_descendants(context));
            }
        }
        while let Some(cause) = queue.pop_front() {
            let sources = self.linked_from.get(&cause.reference()).into_iter().flatten();
            for consequence in sources.filter_map(|source| self.span(source)) {
                if consequence.start_unix_nano >= began {
                    // The parents are context only and do not go into the queue: other orders may link to them.
                    linked.add(self.parents(consequence, cause.start_unix_nano));
                    queue.extend(linked.add(self.with_descendants(consequence)));
                }
            }
        }
        by_start(linked.spans.into_values().cloned().collect())
    }

    /// The span's ancestors, up to the first that started before `since`.
    fn parents<'a>(&'a self, span: &'a Span, since: u64) -> impl Iterator<Item = &'a Span> {
        // In malformed traces spans can be each other's parents.
        let mut seen = HashSet::new();
        std::iter::successors(Some(span), |below| self.span(&below.parent()?))
            .take_while(move |parent| seen.insert(&parent.span_id))
            .skip(1)
            .take_while(move |parent| parent.start_unix_nano >= since)
    }

    /// The span and all spans below it.
    fn with_descendants<'a>(&'a self, span: &'a Span) -> Vec<&'a Span> {
        let children = self.traces.get(&span.trace_id).map(children).unwrap_or_default();
        let mut seen = HashSet::new();
        let mut open = vec![span];
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            if seen.insert(&next.span_id) {
                found.push(next);
                open.extend(children.get(next.span_id.as_str()).into_iter().flatten());
            }
        }
        found
    }
}

fn children(trace: &Trace) -> HashMap<&str, Vec<&Span>> {
    let mut children: HashMap<&str, Vec<&Span>> = HashMap::new();
    for span in trace.values() {
        if let Some(parent) = &span.parent_span_id {
            children.entry(parent).or_default().push(span);
        }
    }
    children
}

#[derive(Default)]
struct LinkedTrace<'a> {
    spans: BTreeMap<SpanRef, &'a Span>,
    trace_ids: HashSet<&'a str>,
}

impl<'a> LinkedTrace<'a> {
    /// Adds spans and returns those that were not there before. Spans of further traces are ignored once there are
    /// [`MAX_JOINED_TRACES`].
    fn add(&mut self, spans: impl IntoIterator<Item = &'a Span>) -> Vec<&'a Span> {
        let mut new = Vec::new();
        for span in spans {
            if !self.trace_ids.contains(span.trace_id.as_str()) && self.trace_ids.len() > MAX_JOINED_TRACES {
                continue;
            }
            self.trace_ids.insert(&span.trace_id);
            if self.spans.insert(span.reference(), span).is_none() {
                new.push(span);
            }
        }
        new
    }
}
