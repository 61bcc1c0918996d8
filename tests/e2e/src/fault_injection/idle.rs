//! Waits until the system has nothing left to do.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::Select;
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::root;
use tokio::time::{Instant, sleep};

use crate::fault_injection::buyer::Purchase;
use crate::fault_injection::ledger::Ledger;
use crate::fixture::Fixture;

/// The attributes that add up to all messages of a queue, whether they can be received now or not.
const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

/// Waits until no order is unfinished, every queue is empty and every event is delivered; returns the tables' content.
/// Invokes order-recovery in every round, because its schedule is only once per minute.
pub(super) async fn wait(fixture: &Fixture, purchases: &[Purchase], deadline: Instant) -> Result<Ledger> {
    loop {
        recover(fixture).await?;
        let mut pending = queued(fixture).await?;
        let unfinished = unfinished(fixture).await?;
        if unfinished > 0 {
            pending.push(format!("{unfinished} orders are unfinished"));
        }
        let ledger = Ledger::read(fixture, purchases).await?;
        pending.extend(ledger.undelivered());
        if pending.is_empty() {
            return Ok(ledger);
        }
        if Instant::now() > deadline {
            bail!("the system is not idle: {}", pending.join(", "));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Invokes order-recovery as its schedule does.
async fn recover(fixture: &Fixture) -> Result<()> {
    let url = format!("{}/2015-03-31/functions/order-recovery/invocations", fixture.stack().endpoints().api_url);
    let event = std::fs::read(root().join("events/order-recovery.json"))?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build()?;
    client.post(url).body(event).send().await?.error_for_status().context("order-recovery")?;
    Ok(())
}

/// The queues that are not empty.
async fn queued(fixture: &Fixture) -> Result<Vec<String>> {
    let sqs = aws_sdk_sqs::Client::new(&fixture.stack().endpoints().sdk_config());
    let mut queued = Vec::new();
    for queue in fixture.stack().resources().queues.values() {
        let get = sqs.get_queue_attributes().queue_url(&queue.url).set_attribute_names(Some(COUNTS.to_vec()));
        let attributes = get.send().await?.attributes.unwrap_or_default();
        let count = attributes.values().map(|count| count.parse::<u64>()).sum::<Result<u64, _>>()?;
        if count > 0 {
            queued.push(format!("{} has {count} messages", queue.name));
        }
    }
    Ok(queued)
}

/// The number of orders in the sparse index of unfinished orders.
async fn unfinished(fixture: &Fixture) -> Result<i32> {
    let table = fixture.stack().resources().tables.get("OrdersTable").context("no OrdersTable")?;
    let scan = aws_sdk_dynamodb::Client::new(&fixture.stack().endpoints().sdk_config()).scan();
    Ok(scan.table_name(&table.name).index_name("unfinished").select(Select::Count).send().await?.count)
}
