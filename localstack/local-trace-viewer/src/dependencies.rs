//! Which service calls which: the service graph of the Jaeger UI and of Grafana.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::Span;
use crate::store::Store;

/// The calls from one service to another.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency {
    parent: String,
    child: String,
    call_count: usize,
}

impl Store {
    /// Counts the spans that started in the time range (nanoseconds since the Unix epoch) below a span of another
    /// service. A link counts like a parent, because behind a queue it is the only reference to the caller.
    pub(crate) fn dependencies(&self, start: u64, end: u64) -> Vec<Dependency> {
        let inner = self.read();
        let mut calls = BTreeMap::<_, usize>::new();
        for span in inner.spans().filter(|span| (start..=end).contains(&span.start_unix_nano)) {
            let causes = span.parent().into_iter().chain(span.links.iter().map(|link| link.target.clone()));
            let mut callers: Vec<&str> = causes.filter_map(|at| inner.span(&at)).map(Span::service).collect();
            callers.sort_unstable();
            callers.dedup();
            for caller in callers.into_iter().filter(|caller| *caller != span.service()) {
                *calls.entry((caller, span.service())).or_default() += 1;
            }
        }
        let dependency = |((parent, child), call_count): ((&str, &str), _)| Dependency {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count,
        };
        calls.into_iter().map(dependency).collect()
    }
}
