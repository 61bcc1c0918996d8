//! The trace of a confirmed order.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use local_stack::demo;
use local_trace_viewer::model::{Span, SpanKind, SpanRef, Status};

use crate::fixture::Fixture;

/// Checks that the trace is complete: it has every expected hop, every parent is in it, every consumer links to its
/// producer, and parents and links connect all of its spans.
pub(crate) async fn check(fixture: &Fixture, trace_id: &str) -> Result<()> {
    let tree = demo::complete_trace(fixture.stack(), trace_id).await;
    let missing = tree.missing(&demo::hops());
    ensure!(missing.is_empty(), "missing: {missing:?}\n{}", tree.render());
    ensure!(tree.orphans().next().is_none(), "not connected:\n{}", tree.render());

    let spans = fixture.stack().traces().linked_trace(trace_id);
    let by_id: HashMap<SpanRef, &Span> = spans.iter().map(|span| (span.reference(), span)).collect();
    for span in &spans {
        let Some(parent_span_id) = span.parent_span_id.clone() else { continue };
        let parent = by_id.get(&SpanRef { trace_id: span.trace_id.clone(), span_id: parent_span_id });
        let parent = parent.with_context(|| format!("{} {:?} has no parent", span.service(), span.name))?;
        let same_service = parent.service() == span.service();
        // The relay sends an event in the trace context that is stored in the outbox.
        let from_outbox = span.kind == SpanKind::Producer;
        ensure!(
            same_service || from_outbox || parent.kind == SpanKind::Client,
            "the parent of {:?} is {:?}, which is neither a client span nor in the same service",
            span.name,
            parent.name
        );
        ensure!(span.status != Status::Error, "{} {:?} failed: {:?}", span.service(), span.name, span.attributes);
    }
    let find = |service: &str, name: &str| {
        let mut found = spans.iter().filter(|span| span.service() == service && span.name == name);
        let only = found.next().with_context(|| format!("no {service} {name}"))?;
        ensure!(found.next().is_none(), "more than one {service} {name}:\n{}", tree.render());
        Ok(only)
    };
    let event = find("order-relay", "send order-notifications")?;
    ensure!(event.trace_id == trace_id, "the event is not sent in the order's trace");
    let links = |span: &Span| span.links.iter().map(|link| link.target.clone()).collect::<Vec<_>>();
    ensure!(links(find("notification", "process order-notifications")?) == [event.reference()]);
    let job = find("notification", "send notification-jobs")?;
    ensure!(links(find("notification-delivery", "process notification-jobs")?) == [job.reference()]);

    // The query API that the Jaeger UI uses returns the same spans.
    let url = format!("{}/api/traces/{trace_id}", fixture.stack().endpoints().traces);
    let response: serde_json::Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    let shown = response["data"][0]["spans"].as_array().context("spans")?.len();
    ensure!(shown == spans.len(), "the viewer shows {shown} of {} spans", spans.len());
    Ok(())
}
