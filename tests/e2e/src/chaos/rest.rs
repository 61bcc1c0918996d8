//! The end of all that goes on by itself.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::root;
use tokio::time::{Instant, sleep};

use crate::chaos::books::Books;
use crate::chaos::buyer::Bought;
use crate::world::World;

/// What says how many messages a queue has, whether they can be received or not.
const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

/// What the tables say once nothing is left to do. Recovery is invoked all the time, and not only once a minute.
pub(super) async fn reached(world: &World, bought: &[Bought], deadline: Instant) -> Result<Books> {
    loop {
        recover(world).await?;
        let mut unrest = queued(world).await?;
        let unfinished = unfinished(world).await?;
        if unfinished > 0 {
            unrest.push(format!("{unfinished} orders are unfinished"));
        }
        let books = Books::read(world, bought).await?;
        unrest.extend(books.undelivered());
        if unrest.is_empty() {
            return Ok(books);
        }
        if Instant::now() > deadline {
            bail!("no rest: {}", unrest.join(", "));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Invokes order-recovery as its schedule does.
async fn recover(world: &World) -> Result<()> {
    let url = format!("{}/2015-03-31/functions/order-recovery/invocations", world.stack().endpoints().api_url);
    let event = std::fs::read(root().join("events/order-recovery.json"))?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build()?;
    client.post(url).body(event).send().await?.error_for_status().context("order-recovery")?;
    Ok(())
}

/// The queues that are not empty.
async fn queued(world: &World) -> Result<Vec<String>> {
    let (sqs, mut queued) = (sqs(world), Vec::new());
    for queue in world.stack().resources().queues.values() {
        let get = sqs.get_queue_attributes().queue_url(&queue.url).set_attribute_names(Some(COUNTS.to_vec()));
        let attributes = get.send().await?.attributes.unwrap_or_default();
        let count = attributes.values().map(|count| count.parse::<u64>()).sum::<Result<u64, _>>()?;
        if count > 0 {
            queued.push(format!("{} has {count} messages", queue.name));
        }
    }
    Ok(queued)
}

/// How many orders are in the sparse index.
async fn unfinished(world: &World) -> Result<i32> {
    let table = world.stack().resources().tables.get("OrdersTable").context("no OrdersTable")?;
    let query = aws_sdk_dynamodb::Client::new(&world.stack().endpoints().sdk_config()).query();
    let query = query.table_name(&table.name).index_name("unfinished").select(Select::Count);
    let query = query.key_condition_expression("unfinished = :unfinished");
    let unfinished = AttributeValue::S("unfinished".to_owned());
    Ok(query.expression_attribute_values(":unfinished", unfinished).send().await?.count)
}

fn sqs(world: &World) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&world.stack().endpoints().sdk_config())
}
