//! The telemetry contract: the tables in `contract/*.yaml` say which spans, metrics and log records three orders and a
//! poison record produce at a real collector. The checks compare both ways: nothing is missing, and nothing is
//! undeclared.

mod attributes;
mod count;
mod functions;
mod logs;
mod metrics;
mod mutations;
mod names;
mod pattern;
mod recorded;
mod rows;
mod spans;
mod tables;
mod trace_graph;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use local_trace_viewer::model::{Span, SpanRef};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::api::Caller;
use crate::contract::recorded::Recorded;
use crate::contract::tables::Contract;
use crate::contract::trace_graph::TraceGraph;
use crate::fixture::Fixture;
use crate::poison::{self, PoisonRecord};

pub(crate) use mutations::detects_every_mutation;

/// Longest wait for the telemetry of an order.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often the recording is read while telemetry is missing.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often an order is placed. On a busy machine a call can time out and be retried. The tables do not describe the
/// trace of such an order, so another order is placed.
const ATTEMPTS: u32 = 3;

/// The recorded orders: the name in the tables, the body without its user, and the status of the response.
const ORDERS: [(&str, &str, u16); 3] = [
    ("confirmed order", r#"{"product_id": "PROD-456", "quantity": 1, "amount": 49.9}"#, 201),
    (
        "declined order",
        r#"{"product_id": "PROD-456", "quantity": 1, "payment_token": "tok_decline_insufficient_funds"}"#,
        402,
    ),
    ("out-of-stock order", r#"{"product_id": "PROD-789", "quantity": 10000}"#, 409),
];

/// The name of the poison record in the tables.
const POISON: &str = "poison record";

/// Places the orders, sends the poison record, and compares what the collector has forwarded with the tables.
pub(crate) async fn check_recorded_orders(fixture: &Fixture) -> Result<()> {
    let contract = Contract::read()?;
    expect_none(contract.name_violations())?;
    let recorded = ORDERS.iter().map(|(name, ..)| *name).chain([POISON]).collect::<BTreeSet<_>>();
    let declared = contract.traces().collect();
    ensure!(recorded == declared, "spans.yaml has the traces {declared:?}, but this test records {recorded:?}");
    let mut subjects = Vec::new();
    for (name, order, status) in ORDERS {
        subjects.push((name, Subject::Order(place(fixture, &contract, name, order, status).await?)));
    }
    subjects.push((POISON, Subject::Poison(poison::parked(fixture).await?)));
    // Everything again, together with what has arrived since.
    let violations = settled(fixture, |recorded| {
        let traces = subjects.iter().flat_map(|(name, subject)| subject.violations(&contract, name, recorded));
        let metrics = [contract.metric_violations(&recorded.points), contract.missing_metrics(&recorded.points)];
        traces.chain(metrics.concat()).collect()
    });
    expect_none(violations.await?)
}

/// Checks all telemetry of the run so far: every metric is in metrics.yaml, and every span attribute has a current name
/// of the semantic conventions.
pub(crate) fn check_run(fixture: &Fixture) -> Result<()> {
    let recorded = Recorded::read(&fixture.stack().recording())?;
    let contract = Contract::read()?;
    expect_none([contract.metric_violations(&recorded.points), spans::unknown_attributes(&recorded.spans)].concat())
}

/// What the spans and log records of one table row belong to.
enum Subject {
    /// An order, by the id of its trace.
    Order(String),
    Poison(&'static PoisonRecord),
}

impl Subject {
    fn graph<'a>(&self, spans: &'a [Span]) -> TraceGraph<'a> {
        match self {
            Self::Order(trace_id) => TraceGraph::of_trace(spans, trace_id),
            Self::Poison(record) => TraceGraph::of_spans(spans, |span| record.is_processed_by(span)),
        }
    }

    fn violations(&self, contract: &Contract, name: &str, recorded: &Recorded) -> Vec<String> {
        let graph = self.graph(&recorded.spans);
        let all_spans: HashSet<SpanRef> = recorded.spans.iter().map(Span::reference).collect();
        let mut violations = contract.span_violations(name, &graph);
        violations.extend(contract.log_violations(name, &recorded.logs, &graph, &all_spans));
        violations
    }
}

/// Places an order until one is processed without a timeout; returns the id of its trace.
async fn place(fixture: &Fixture, contract: &Contract, name: &str, order: &str, status: u16) -> Result<String> {
    for _ in 0..ATTEMPTS {
        let user = fixture.new_user();
        let mut order: Value = serde_json::from_str(order)?;
        order["user_id"] = user.as_str().into();
        let response = Caller::new(fixture, &user)?.order(&order.to_string()).await?;
        // A call of the order function timed out.
        if response.status == 202 {
            continue;
        }
        ensure!(response.status == status, "{name}: {response:?}");
        let subject = Subject::Order(response.trace_id.clone());
        let violations = settled(fixture, |recorded| subject.violations(contract, name, recorded)).await?;
        if violations.is_empty() {
            return Ok(response.trace_id);
        }
        let recorded = Recorded::read(&fixture.stack().recording())?;
        let timed_out = |span: &Span| {
            span.attributes.contains_key("http.request.resend_count")
                || span.attributes.get("error.type").is_some_and(|error| error == "timeout")
        };
        if !subject.graph(&recorded.spans).spans().any(timed_out) {
            expect_none(violations)?;
        }
    }
    bail!("{name}: a call timed out in each of {ATTEMPTS} attempts")
}

/// Waits until nothing is missing any more; returns the violations that remain at the deadline.
async fn settled(fixture: &Fixture, violations: impl Fn(&Recorded) -> Vec<String>) -> Result<Vec<String>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = violations(&Recorded::read(&fixture.stack().recording())?);
        if found.is_empty() || Instant::now() > deadline {
            return Ok(found);
        }
        sleep(INTERVAL).await;
    }
}

fn expect_none(violations: Vec<String>) -> Result<()> {
    ensure!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    Ok(())
}
