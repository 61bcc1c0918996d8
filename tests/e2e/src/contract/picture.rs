//! The spans that belong to one order or one record, out of a recording that has many.

use std::collections::{HashMap, HashSet};

use local_trace_viewer::model::{Span, SpanRef};

/// Spans of one or more traces.
pub(super) struct Picture<'a> {
    spans: HashMap<SpanRef, &'a Span>,
}

impl<'a> Picture<'a> {
    /// What an order leaves: its trace; what handles its messages, from the invocation down; and the invocations that its spans
    /// link to. A batch's other messages are other orders'.
    pub(super) fn of_trace(recorded: &'a [Span], trace_id: &str) -> Self {
        let mut picture = Self { spans: HashMap::new() };
        recorded.iter().filter(|span| span.trace_id == trace_id).for_each(|span| picture.add(span));
        let all = Index::new(recorded);
        let mut before = 0;
        while picture.spans.len() > before {
            before = picture.spans.len();
            let linking = |span: &&Span| span.links.iter().any(|link| picture.spans.contains_key(&link.target));
            let mut joined: Vec<_> = recorded.iter().filter(linking).collect();
            for target in picture.spans.values().flat_map(|span| &span.links) {
                joined.extend(all.by_id.get(&target.target));
            }
            for span in joined {
                picture.join(span, &all);
            }
        }
        picture
    }

    /// The chosen spans, from the invocation down.
    pub(super) fn of_spans(recorded: &'a [Span], chosen: impl Fn(&Span) -> bool) -> Self {
        let (all, mut picture) = (Index::new(recorded), Self { spans: HashMap::new() });
        recorded.iter().filter(|span| chosen(span)).for_each(|span| picture.join(span, &all));
        picture
    }

    /// All spans, in no order.
    pub(super) fn spans(&self) -> impl Iterator<Item = &'a Span> {
        self.spans.values().copied()
    }

    /// The span of those ids.
    pub(super) fn get(&self, id: &SpanRef) -> Option<&'a Span> {
        self.spans.get(id).copied()
    }

    /// Whether a trace is in it, at least in part.
    pub(super) fn has_trace(&self, trace_id: &str) -> bool {
        self.spans.keys().any(|id| id.trace_id == trace_id)
    }

    /// The spans that have no parent.
    pub(super) fn roots(&self) -> Vec<&'a Span> {
        self.spans().filter(|span| parent(span).is_none()).collect()
    }

    /// The spans whose parent is nowhere.
    pub(super) fn orphans(&self) -> impl Iterator<Item = &'a Span> {
        self.spans().filter(|span| parent(span).is_some_and(|parent| !self.spans.contains_key(&parent)))
    }

    /// The spans whose parent is that one.
    pub(super) fn below(&self, span: &Span) -> Vec<&'a Span> {
        let id = span.reference();
        self.spans().filter(|span| parent(span).is_some_and(|parent| parent == id)).collect()
    }

    /// Adds a span with what is above and below it.
    fn join(&mut self, span: &'a Span, all: &Index<'a>) {
        let mut above = Some(span);
        while let Some(span) = above {
            self.add(span);
            above = parent(span).and_then(|parent| all.by_id.get(&parent).copied());
        }
        let (mut below, mut seen) = (vec![span], HashSet::new());
        while let Some(span) = below.pop() {
            self.add(span);
            if seen.insert(span.reference()) {
                below.extend(all.below.get(&span.reference()).into_iter().flatten());
            }
        }
    }

    fn add(&mut self, span: &'a Span) {
        self.spans.insert(span.reference(), span);
    }
}

/// What the table calls a span: `gateway SERVER POST /api/orders`.
pub(super) fn label(span: &Span) -> String {
    format!("{} {} {}", span.service(), span.kind, span.name)
}

fn parent(span: &Span) -> Option<SpanRef> {
    let span_id = span.parent_span_id.clone()?;
    Some(SpanRef { trace_id: span.trace_id.clone(), span_id })
}

struct Index<'a> {
    by_id: HashMap<SpanRef, &'a Span>,
    below: HashMap<SpanRef, Vec<&'a Span>>,
}

impl<'a> Index<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let mut index = Self { by_id: HashMap::new(), below: HashMap::new() };
        for span in spans {
            index.by_id.insert(span.reference(), span);
            if let Some(parent) = parent(span) {
                index.below.entry(parent).or_default().push(span);
            }
        }
        index
    }
}
