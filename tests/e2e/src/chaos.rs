//! Many orders while everything dies that can, and what must hold when all has come to rest.

mod books;
mod buyer;
mod rest;
mod topic;

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_stack::End;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api;
use crate::chaos::buyer::{Bought, Buyer};
use crate::functions::signal;
use crate::world::World;

/// How many orders are placed.
const ORDERS: usize = 80;

/// How many buyers there are at a time.
const PARALLEL: usize = 16;

/// How long it may take until all has come to rest. It takes over a minute, because who was killed has an order for as long.
const DEADLINE: Duration = Duration::from_secs(240);

/// What is sold: product, pieces, and over how many shards.
const PRODUCTS: [(&str, u64, u16); 3] = [("CHAOS-1", 1_000, 1), ("CHAOS-2", 12, 1), ("CHAOS-3", 1_000, 4)];

/// What happens, and after how many of the orders.
const FAULTS: [(usize, Fault); 12] = [
    (3, Fault::Freeze("notification-delivery")),
    (6, Fault::Kill("notification-delivery")),
    (8, Fault::Freeze("notification")),
    (11, Fault::Kill("notification")),
    (12, Fault::Kill("inventory")),
    (15, Fault::Kafka(End::Crash)),
    // In the middle of an event for which there is no broker.
    (18, Fault::Kill("order-relay")),
    // Before the stream's records have been read.
    (22, Fault::Aws),
    (30, Fault::Kill("payment")),
    (45, Fault::Kill("order")),
    (55, Fault::Kill("inventory")),
    (65, Fault::Kafka(End::Shutdown)),
];

#[derive(Clone, Copy)]
enum Fault {
    /// Every process of a function stops where it is, and so does whoever calls it now.
    Freeze(&'static str),
    /// Every process of a function is killed.
    Kill(&'static str),
    /// The AWS emulator is started again.
    Aws,
    /// The broker is started again.
    Kafka(End),
}

pub(crate) async fn survive(world: &World) -> Result<()> {
    for (product, pieces, shards) in PRODUCTS {
        api::stock_up(world, product, pieces, shards).await?;
    }
    let deadline = Instant::now() + DEADLINE;
    let (done, progress) = watch::channel(0);
    let buy = async {
        let buyers = (0..ORDERS).map(|number| Buyer::new(world, number));
        let bought = stream::iter(buyers).map(|buyer| async {
            let bought = buyer?.buy(deadline).await?;
            done.send_modify(|count| *count += 1);
            anyhow::Ok(bought)
        });
        bought.buffer_unordered(PARALLEL).try_collect::<Vec<Bought>>().await
    };
    let faults = try_join_all(FAULTS.map(|fault| strike(world, fault, progress.clone())));
    let (bought, _) = tokio::try_join!(buy, faults)?;
    let books = rest::reached(world, &bought, deadline).await?;

    let products = PRODUCTS.map(|(product, pieces, _)| (product, pieces));
    let violations = books.violations(&products, &bought, &topic::events(world).await?);
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    stream::iter(bought.iter().map(Bought::ask_again)).buffer_unordered(PARALLEL).try_collect().await
}

/// Lets a fault happen once so many orders have been placed.
async fn strike(world: &World, (after, fault): (usize, Fault), mut progress: watch::Receiver<usize>) -> Result<()> {
    progress.wait_for(|done| *done >= after).await?;
    match fault {
        Fault::Freeze(function) => all(world, "STOP", function).await,
        Fault::Kill(function) => all(world, "KILL", function).await,
        Fault::Aws => world.stack().restart_aws().await,
        Fault::Kafka(end) => world.stack().restart_kafka(end).await,
    }
}

async fn all(world: &World, kind: &str, function: &str) -> Result<()> {
    ensure!(signal(world, kind, function).await? > 0, "there is no process of {function}");
    Ok(())
}
