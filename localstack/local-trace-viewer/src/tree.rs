//! Spans as one tree, to print in a terminal and to check for missing hops.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::model::{Span, SpanKind, SpanRef, Status};

/// A span that must be in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// `service.name`.
    pub service: String,
    /// The exact name of the span.
    pub name: String,
    /// The kind of the span.
    pub kind: SpanKind,
}

impl Hop {
    /// A hop with this service, name and kind.
    pub fn new(service: impl Into<String>, name: impl Into<String>, kind: SpanKind) -> Self {
        Self { service: service.into(), name: name.into(), kind }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service, self.name, self.kind)
    }
}

/// A tree that contains every span once, below its parent. The first span of a joined trace has no parent: it is
/// attached to the span that a span of its trace links to (its trace follows from it), or else to the span that links
/// to a span of its trace.
pub struct Tree {
    /// Sorted by start.
    spans: Vec<Span>,
    /// The children of every span, sorted by start.
    children: Vec<Vec<usize>>,
    /// The spans that are attached by a link, with the span above them.
    attached: HashMap<usize, (usize, Relation)>,
    roots: Vec<usize>,
    orphans: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Relation {
    /// The lower trace links to the span above.
    FollowsFrom,
    /// The span above links to the lower trace.
    LinkedBy,
}

impl Tree {
    /// Builds the tree of a linked trace ([`Store::linked_trace`](crate::Store::linked_trace)), or of any other spans,
    /// with the given trace at its root.
    pub fn build(spans: &[Span], root_trace_id: &str) -> Self {
        let mut spans = spans.to_vec();
        spans.sort_by_key(|span| span.start_unix_nano);
        let index: HashMap<SpanRef, usize> = spans.iter().enumerate().map(|(i, s)| (s.reference(), i)).collect();
        let parents: Vec<Option<usize>> = spans.iter().map(|span| index.get(&span.parent()?).copied()).collect();
        let tops = tops(&parents);
        let roots = roots(&spans, &tops, root_trace_id);

        let links: Vec<(usize, usize)> = spans
            .iter()
            .enumerate()
            .flat_map(|(i, span)| span.links.iter().map(move |link| (i, &link.target)))
            .filter_map(|(i, target)| Some((i, *index.get(target)?)))
            .collect();
        let attached = attach(&tops, &roots, &links);

        let mut children = vec![Vec::new(); spans.len()];
        let mut orphans = Vec::new();
        for i in 0..spans.len() {
            match attached.get(&i).map(|(above, _)| *above) {
                Some(above) => children[above].push(i),
                None if roots.contains(&i) => {}
                None if tops[i] == i => orphans.push(i),
                None => children[parents[i].unwrap_or(tops[i])].push(i),
            }
        }
        Self { spans, children, attached, roots, orphans }
    }

    /// One line per span, indented, in columns. `⇢ linked` marks a trace that links to the span above it (it follows
    /// from that span), `⇠ linked` one that the span above links to. Unconnected spans come last.
    pub fn render(&self) -> String {
        let mut lines = self.lines(&self.roots);
        let connected = lines.len();
        lines.extend(self.lines(&self.orphans));

        let width = lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for (i, (label, span)) in lines.iter().enumerate() {
            if i == connected {
                text += "not connected:\n";
            }
            let error = if span.status == Status::Error { "  ERROR" } else { "" };
            let duration = format!("{:.1?}", span.duration);
            text += &format!("{label:width$}  {:8}  {duration:>7}{error}\n", span.kind);
        }
        text
    }

    /// The hops that are missing in the connected part of the tree.
    pub fn missing(&self, hops: &[Hop]) -> Vec<Hop> {
        let mut present = HashSet::new();
        let mut open = self.roots.clone();
        while let Some(i) = open.pop() {
            let span = &self.spans[i];
            present.insert((span.service(), span.name.as_str(), span.kind));
            open.extend(&self.children[i]);
        }
        let absent = |hop: &&Hop| !present.contains(&(hop.service.as_str(), hop.name.as_str(), hop.kind));
        hops.iter().filter(absent).cloned().collect()
    }

    /// The unconnected spans: their parent has not arrived, and no link leads to them. Spans below them are not
    /// included.
    pub fn orphans(&self) -> impl Iterator<Item = &Span> {
        self.orphans.iter().map(|i| &self.spans[*i])
    }

    /// The span that this span's trace follows from, if this is the first span of a joined trace.
    pub(crate) fn follows(&self, span: &Span) -> Option<&Span> {
        let start = self.spans.partition_point(|other| other.start_unix_nano < span.start_unix_nano);
        let found = (start..self.spans.len()).find(|i| self.spans[*i].reference() == span.reference())?;
        let (above, relation) = self.attached.get(&found)?;
        (*relation == Relation::FollowsFrom).then(|| &self.spans[*above])
    }

    /// The indented labels of the given spans and of all spans below them. Not recursive, because a trace may be too
    /// deep for the call stack.
    fn lines(&self, tops: &[usize]) -> Vec<(String, &Span)> {
        let mut lines = Vec::new();
        let mut open: Vec<_> = tops.iter().rev().map(|top| (*top, String::new(), String::new())).collect();
        while let Some((i, branch, indent)) = open.pop() {
            let mark = match self.attached.get(&i) {
                Some((_, Relation::FollowsFrom)) => "⇢ linked  ",
                Some((_, Relation::LinkedBy)) => "⇠ linked  ",
                None => "",
            };
            let span = &self.spans[i];
            lines.push((format!("{branch}{mark}{}  {}", span.service(), span.name), span));
            for (n, child) in self.children[i].iter().rev().enumerate() {
                let (fork, line) = if n == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
                open.push((*child, format!("{indent}{fork}"), format!("{indent}{line}")));
            }
        }
        lines
    }
}

/// The topmost ancestor of every span. If malformed spans are each other's parents, the first of them is the topmost.
fn tops(parents: &[Option<usize>]) -> Vec<usize> {
    let mut tops: Vec<Option<usize>> = vec![None; parents.len()];
    for i in 0..parents.len() {
        let mut path = Vec::new();
        let mut seen = HashSet::new();
        let mut at = i;
        let top = loop {
            if let Some(top) = tops[at] {
                break top;
            }
            if !seen.insert(at) {
                let cycle = path.iter().skip_while(|before| **before != at);
                break cycle.min().copied().unwrap_or(at);
            }
            path.push(at);
            match parents[at] {
                Some(parent) => at = parent,
                None => break at,
            }
        };
        path.into_iter().for_each(|on_path| tops[on_path] = Some(top));
    }
    tops.into_iter().enumerate().map(|(i, top)| top.unwrap_or(i)).collect()
}

/// The first spans of the trace. If the client sent a trace context but not its own span, these are the spans below the
/// client's.
fn roots(spans: &[Span], tops: &[usize], trace_id: &str) -> Vec<usize> {
    let firsts = || (0..spans.len()).filter(|i| tops[*i] == *i && spans[*i].trace_id == trace_id);
    let parent = match firsts().find(|i| spans[*i].parent_span_id.is_none()) {
        Some(_) => None,
        None => firsts().next().and_then(|first| spans[first].parent_span_id.clone()),
    };
    firsts().filter(|i| spans[*i].parent_span_id == parent).collect()
}

/// Attaches traces to the connected ones until no link leads further. A trace that could be attached in both ways is
/// attached as a consequence.
fn attach(tops: &[usize], roots: &[usize], links: &[(usize, usize)]) -> HashMap<usize, (usize, Relation)> {
    let mut placed: HashSet<usize> = roots.iter().copied().collect();
    let mut attached = HashMap::new();
    loop {
        let before = placed.len();
        for &(from, to) in links {
            if placed.contains(&tops[to]) && placed.insert(tops[from]) {
                attached.insert(tops[from], (to, Relation::FollowsFrom));
            }
        }
        if placed.len() > before {
            continue;
        }
        let linked_by = links.iter().find(|(from, to)| placed.contains(&tops[*from]) && !placed.contains(&tops[*to]));
        let Some(&(from, to)) = linked_by else { return attached };
        placed.insert(tops[to]);
        attached.insert(tops[to], (from, Relation::LinkedBy));
    }
}
