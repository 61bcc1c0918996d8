//! The telemetry contract: what three orders and a record that nobody can read must leave at a real collector is in tables
//! (`contract/*.yaml`), and what they leave is in the tables. Nothing is missing, nothing is undeclared.

mod check;
mod expected;
mod names;
mod picture;
mod planted;
mod recorded;
mod table;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use local_trace_viewer::model::{Span, SpanRef};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::api::Caller;
use crate::contract::picture::Picture;
use crate::contract::recorded::Recorded;
use crate::contract::table::Table;
use crate::poison::{self, Poison};
use crate::world::World;

pub(crate) use planted::finds_what_is_planted;

/// Longest wait for what an order leaves.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often is looked for it.
const INTERVAL: Duration = Duration::from_millis(250);

/// Times that an order may be placed. On a machine that is too busy a call is not answered in time and is sent again: then the
/// trace shows what the table does not speak of, and another order has to show it.
const ATTEMPTS: u32 = 3;

/// What leaves something: its name in the tables, the order without its user, and the status of the answer.
const ORDERS: [(&str, &str, u16); 3] = [
    ("a confirmed order", r#"{"product_id": "PROD-456", "quantity": 1, "amount": 49.9}"#, 201),
    (
        "a declined order",
        r#"{"product_id": "PROD-456", "quantity": 1, "payment_token": "tok_decline_insufficient_funds"}"#,
        402,
    ),
    ("an order out of stock", r#"{"product_id": "PROD-789", "quantity": 10000}"#, 409),
];

const POISON: &str = "a poison record";

/// Places the orders, sends the record, and compares what the collector has sent on with the tables.
pub(crate) async fn kept(world: &World) -> Result<()> {
    let table = Table::read()?;
    none(table.violations_of_names())?;
    let placed = ORDERS.iter().map(|(name, ..)| *name);
    let (placed, declared): (BTreeSet<_>, BTreeSet<_>) = (placed.chain([POISON]).collect(), table.traces().collect());
    ensure!(placed == declared, "the table is of {declared:?}, and here are {placed:?}");
    let mut left = Vec::new();
    for (name, order, status) in ORDERS {
        left.push((name, Left::Trace(place(world, &table, name, order, status).await?)));
    }
    left.push((POISON, Left::Poison(poison::parked(world).await?)));
    // Once more and all together, with what came late.
    let violations = settled(world, |recorded| {
        let traces = left.iter().flat_map(|(name, left)| left.violations(&table, name, recorded));
        let metrics = [table.violations_of_metrics(&recorded.points), table.missing_metrics(&recorded.points)];
        traces.chain(metrics.concat()).collect()
    });
    none(violations.await?)
}

/// Whatever else happens in a run: its metrics are in the table, and no attribute of its spans has a name that the conventions
/// do not have.
pub(crate) fn kept_by_the_run(world: &World) -> Result<()> {
    let recorded = Recorded::read(&world.stack().recording())?;
    none([Table::read()?.violations_of_metrics(&recorded.points), Table::misnomers(&recorded.spans)].concat())
}

/// What is looked for in the recording.
enum Left {
    Trace(String),
    Poison(&'static Poison),
}

impl Left {
    fn picture<'a>(&self, spans: &'a [Span]) -> Picture<'a> {
        match self {
            Self::Trace(id) => Picture::of_trace(spans, id),
            Self::Poison(poison) => Picture::of_spans(spans, |span| poison.is_of(span)),
        }
    }

    fn violations(&self, table: &Table, name: &str, recorded: &Recorded) -> Vec<String> {
        let picture = self.picture(&recorded.spans);
        let all: HashSet<SpanRef> = recorded.spans.iter().map(Span::reference).collect();
        let mut violations = table.violations_of_spans(name, &picture);
        violations.extend(table.violations_of_logs(name, &recorded.logs, &picture, &all));
        violations
    }
}

/// Places an order whose trace nothing disturbs; gives the trace's id.
async fn place(world: &World, table: &Table, name: &str, order: &str, status: u16) -> Result<String> {
    for _ in 0..ATTEMPTS {
        let user = world.new_user();
        let mut order: Value = serde_json::from_str(order)?;
        order["user_id"] = user.as_str().into();
        let answer = Caller::new(world, &user)?.order(&order.to_string()).await?;
        // A step without an answer.
        if answer.status == 202 {
            continue;
        }
        ensure!(answer.status == status, "{name}: {answer:?}");
        let trace = Left::Trace(answer.trace_id.clone());
        let violations = settled(world, |recorded| trace.violations(table, name, recorded)).await?;
        if violations.is_empty() {
            return Ok(answer.trace_id);
        }
        let recorded = Recorded::read(&world.stack().recording())?;
        let disturbed = |span: &Span| {
            span.attributes.contains_key("http.request.resend_count")
                || span.attributes.get("error.type").is_some_and(|error| error == "timeout")
        };
        if !trace.picture(&recorded.spans).spans().any(disturbed) {
            none(violations)?;
        }
    }
    bail!("{name}: {ATTEMPTS} of {ATTEMPTS} were disturbed")
}

/// Waits until nothing is missing any more; gives what is still wrong at the deadline.
async fn settled(world: &World, violations: impl Fn(&Recorded) -> Vec<String>) -> Result<Vec<String>> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = violations(&Recorded::read(&world.stack().recording())?);
        if found.is_empty() || Instant::now() > deadline {
            return Ok(found);
        }
        sleep(INTERVAL).await;
    }
}

fn none(violations: Vec<String>) -> Result<()> {
    ensure!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    Ok(())
}
