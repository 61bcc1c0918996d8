//! The spans that belong to one order or one record, selected from a recording with many.

use std::collections::{HashMap, HashSet};

use local_trace_viewer::model::{Span, SpanRef};

/// Spans of one or more traces, connected by parents and links.
pub(super) struct TraceGraph<'a> {
    spans: HashMap<SpanRef, &'a Span>,
}

impl<'a> TraceGraph<'a> {
    /// The spans of an order: those of its trace; for each of its messages, the processing of it with all ancestors and
    /// descendants; and the invocations that its spans link to. Other messages of the same batch belong to other
    /// orders.
    pub(super) fn of_trace(recorded: &'a [Span], trace_id: &str) -> Self {
        let mut graph = Self { spans: HashMap::new() };
        recorded.iter().filter(|span| span.trace_id == trace_id).for_each(|span| graph.add(span));
        let all = Index::new(recorded);
        let mut previous = 0;
        while graph.spans.len() > previous {
            previous = graph.spans.len();
            let links_here = |span: &&Span| span.links.iter().any(|link| graph.spans.contains_key(&link.target));
            let mut joined: Vec<_> = recorded.iter().filter(links_here).collect();
            for link in graph.spans.values().flat_map(|span| &span.links) {
                joined.extend(all.by_id.get(&link.target));
            }
            for span in joined {
                graph.join(span, &all);
            }
        }
        graph
    }

    /// The chosen spans with all their ancestors and descendants.
    pub(super) fn of_spans(recorded: &'a [Span], chosen: impl Fn(&Span) -> bool) -> Self {
        let (all, mut graph) = (Index::new(recorded), Self { spans: HashMap::new() });
        recorded.iter().filter(|span| chosen(span)).for_each(|span| graph.join(span, &all));
        graph
    }

    /// All spans, in no particular order.
    pub(super) fn spans(&self) -> impl Iterator<Item = &'a Span> {
        self.spans.values().copied()
    }

    /// The span with this id.
    pub(super) fn get(&self, id: &SpanRef) -> Option<&'a Span> {
        self.spans.get(id).copied()
    }

    /// Whether it has a span of this trace.
    pub(super) fn has_trace(&self, trace_id: &str) -> bool {
        self.spans.keys().any(|id| id.trace_id == trace_id)
    }

    /// The spans without a parent.
    pub(super) fn roots(&self) -> Vec<&'a Span> {
        self.spans().filter(|span| parent(span).is_none()).collect()
    }

    /// The spans whose parent is not here.
    pub(super) fn orphans(&self) -> impl Iterator<Item = &'a Span> {
        self.spans().filter(|span| parent(span).is_some_and(|parent| !self.spans.contains_key(&parent)))
    }

    /// The spans with this parent.
    pub(super) fn children(&self, span: &Span) -> Vec<&'a Span> {
        let id = span.reference();
        self.spans().filter(|span| parent(span).is_some_and(|parent| parent == id)).collect()
    }

    /// Adds a span with all its ancestors and descendants.
    fn join(&mut self, span: &'a Span, all: &Index<'a>) {
        let mut ancestor = Some(span);
        while let Some(span) = ancestor {
            self.add(span);
            ancestor = parent(span).and_then(|parent| all.by_id.get(&parent).copied());
        }
        let (mut descendants, mut seen) = (vec![span], HashSet::new());
        while let Some(span) = descendants.pop() {
            self.add(span);
            if seen.insert(span.reference()) {
                descendants.extend(all.children.get(&span.reference()).into_iter().flatten());
            }
        }
    }

    fn add(&mut self, span: &'a Span) {
        self.spans.insert(span.reference(), span);
    }
}

/// The name of a span in the tables: `gateway SERVER POST /api/orders`.
pub(super) fn label(span: &Span) -> String {
    format!("{} {} {}", span.service(), span.kind, span.name)
}

fn parent(span: &Span) -> Option<SpanRef> {
    let span_id = span.parent_span_id.clone()?;
    Some(SpanRef { trace_id: span.trace_id.clone(), span_id })
}

struct Index<'a> {
    by_id: HashMap<SpanRef, &'a Span>,
    children: HashMap<SpanRef, Vec<&'a Span>>,
}

impl<'a> Index<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let mut index = Self { by_id: HashMap::new(), children: HashMap::new() };
        for span in spans {
            index.by_id.insert(span.reference(), span);
            if let Some(parent) = parent(span) {
                index.children.entry(parent).or_default().push(span);
            }
        }
        index
    }
}
