//! What an order's trace must be: whole, and one picture.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use local_stack::demo;
use local_trace_viewer::model::{Span, SpanKind, SpanRef, Status};

use crate::world::World;

/// Every hop is there, every parent is there, every consumer links its producer, and all of it hangs together.
pub(crate) async fn check(world: &World, trace_id: &str) -> Result<()> {
    let tree = demo::whole_trace(world.stack(), trace_id).await;
    let missing = tree.missing(&demo::hops());
    ensure!(missing.is_empty(), "missing: {missing:?}\n{}", tree.render());
    ensure!(tree.orphans().next().is_none(), "not connected:\n{}", tree.render());

    let spans = world.stack().traces().connected(trace_id);
    let by_id: HashMap<SpanRef, &Span> = spans.iter().map(|span| (span.reference(), span)).collect();
    for span in &spans {
        let Some(parent_span_id) = span.parent_span_id.clone() else { continue };
        let parent = by_id.get(&SpanRef { trace_id: span.trace_id.clone(), span_id: parent_span_id });
        let parent = parent.with_context(|| format!("{} {:?} has no parent", span.service(), span.name))?;
        let crosses = parent.service() != span.service();
        let stored = span.kind == SpanKind::Producer;
        ensure!(
            !crosses || stored || parent.kind == SpanKind::Client,
            "{:?} is called by {:?}",
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
    ensure!(event.trace_id == trace_id, "the event is sent in the order's trace");
    let links = |span: &Span| span.links.iter().map(|link| link.target.clone()).collect::<Vec<_>>();
    ensure!(links(find("notification", "process order-notifications")?) == [event.reference()]);
    let job = find("notification", "send notification-jobs")?;
    ensure!(links(find("notification-delivery", "process notification-jobs")?) == [job.reference()]);

    // The same through the query API, as the Jaeger UI reads it.
    let url = format!("{}/api/traces/{trace_id}", world.stack().endpoints().viewer_url);
    let answer: serde_json::Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    let shown = answer["data"][0]["spans"].as_array().context("spans")?.len();
    ensure!(shown == spans.len(), "the viewer shows {shown} of {} spans", spans.len());
    Ok(())
}
