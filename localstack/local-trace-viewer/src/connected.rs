//! Which spans make one picture: a trace, and what is joined to it by span links.
//!
//! Following every link both ways would join all orders of a busy hour: a consumer's invocation handles the messages of
//! many orders, and is linked to by each. So the picture of a trace grows span by span, and only forward in time:
//!
//! - what links to one of its spans is a consequence: that span, all below it, and its parents as far as they began later
//!   than the span it links to (the invocation that handled the message). Consequences have consequences of their own.
//! - what the trace's own spans link to (such as the invocation that sent its message) is shown too, with all below it, if it
//!   began later than the trace. An earlier one is the story of another trace, and stays a reference to that.
//!
//! So the trace of an order has all of its way, and none of another order's that shared an invocation with it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::{
    model::{Span, SpanRef},
    store::{Inner, Trace, by_start},
};

/// Other traces in one picture at most, those nearest by links. One trace can be linked to by thousands.
const MAX_JOINED_TRACES: usize = 64;

impl Inner {
    pub(crate) fn connected(&self, trace_id: &str) -> Vec<Span> {
        let Some(asked) = self.traces.get(trace_id) else { return Vec::new() };
        let began = asked.values().map(|span| span.start_unix_nano).min().unwrap_or_default();
        let mut picture = Picture::default();
        let mut ahead: VecDeque<&Span> = asked.values().collect();
        ahead.make_contiguous().sort_by_key(|span| span.start_unix_nano);
        picture.add(ahead.iter().copied());

        for context in ahead.iter().flat_map(|span| &span.links).filter_map(|link| self.span(&link.target)) {
            if context.start_unix_nano >= began {
                picture.add(self.parents(context, began));
                picture.add(self.with_below(context));
            }
        }
        while let Some(cause) = ahead.pop_front() {
            let sources = self.linked_from.get(&cause.reference()).into_iter().flatten();
            for consequence in sources.filter_map(|source| self.span(source)) {
                if consequence.start_unix_nano >= began {
                    // The parents are there for context: what links to them may come of another order.
                    picture.add(self.parents(consequence, cause.start_unix_nano));
                    ahead.extend(picture.add(self.with_below(consequence)));
                }
            }
        }
        by_start(picture.spans.into_values().cloned().collect())
    }

    /// The span's parents, up to the first that began before `since`.
    fn parents<'a>(&'a self, span: &'a Span, since: u64) -> impl Iterator<Item = &'a Span> {
        // Malformed spans can be parents of one another.
        let mut seen = HashSet::new();
        std::iter::successors(Some(span), |below| self.span(&below.parent()?))
            .take_while(move |parent| seen.insert(&parent.span_id))
            .skip(1)
            .take_while(move |parent| parent.start_unix_nano >= since)
    }

    /// The span and all below it.
    fn with_below<'a>(&'a self, span: &'a Span) -> Vec<&'a Span> {
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
struct Picture<'a> {
    spans: BTreeMap<SpanRef, &'a Span>,
    traces: HashSet<&'a str>,
}

impl<'a> Picture<'a> {
    /// Adds spans of one trace and answers those that are new; none when there are too many traces already.
    fn add(&mut self, spans: impl IntoIterator<Item = &'a Span>) -> Vec<&'a Span> {
        let mut new = Vec::new();
        for span in spans {
            if !self.traces.contains(span.trace_id.as_str()) && self.traces.len() > MAX_JOINED_TRACES {
                continue;
            }
            self.traces.insert(&span.trace_id);
            if self.spans.insert(span.reference(), span).is_none() {
                new.push(span);
            }
        }
        new
    }
}
