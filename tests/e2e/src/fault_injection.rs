//! Many orders while processes are killed and emulators restarted. Once the system is idle again, every promise must
//! hold.

mod buyer;
mod idle;
mod ledger;
mod topic;

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_stack::Termination;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api;
use crate::fault_injection::buyer::{Buyer, Purchase};
use crate::fixture::Fixture;
use crate::poison;
use crate::processes::signal;

/// How many orders are placed.
const ORDERS: usize = 80;

/// How many buyers are active at a time.
const PARALLEL: usize = 16;

/// Longest time until the system is idle. It takes over a minute, because a killed worker's lease on its order must end
/// first.
const DEADLINE: Duration = Duration::from_secs(240);

/// The products: id, units, number of shards.
const PRODUCTS: [(&str, u64, u16); 3] = [("FAULT-1", 1_000, 1), ("FAULT-2", 12, 1), ("FAULT-3", 1_000, 4)];

/// The faults, each with the number of completed orders after which it happens.
const FAULTS: [(usize, Fault); 12] = [
    (3, Fault::Suspend("notification-delivery")),
    (6, Fault::Kill("notification-delivery")),
    (8, Fault::Suspend("notification")),
    (11, Fault::Kill("notification")),
    (12, Fault::Kill("inventory")),
    (15, Fault::RestartKafka(Termination::Crash)),
    // While it sends an event, and there is no broker.
    (18, Fault::Kill("order-relay")),
    // Before the stream's records have been read.
    (22, Fault::RestartAws),
    (30, Fault::Kill("payment")),
    (45, Fault::Kill("order")),
    (55, Fault::Kill("inventory")),
    (65, Fault::RestartKafka(Termination::Graceful)),
];

#[derive(Clone, Copy)]
enum Fault {
    /// Every process of a function is suspended, and calls to it get no response.
    Suspend(&'static str),
    /// Every process of a function is killed.
    Kill(&'static str),
    /// The AWS emulator is restarted.
    RestartAws,
    /// The broker is ended in this way and restarted.
    RestartKafka(Termination),
}

/// Places the orders while the faults happen, waits until the system is idle, and compares stock, charges, events and
/// notifications with the orders.
pub(crate) async fn check(fixture: &Fixture) -> Result<()> {
    // An outage parks no record: the queue must be empty in the end.
    poison::remove_parked(fixture).await?;
    for (product, units, shards) in PRODUCTS {
        api::put_product(fixture, product, units, shards).await?;
    }
    let deadline = Instant::now() + DEADLINE;
    let (completed, progress) = watch::channel(0);
    let buy = async {
        let buyers = (0..ORDERS).map(|number| Buyer::new(fixture, number));
        let purchases = stream::iter(buyers).map(|buyer| async {
            let purchase = buyer?.buy(deadline).await?;
            completed.send_modify(|count| *count += 1);
            anyhow::Ok(purchase)
        });
        purchases.buffer_unordered(PARALLEL).try_collect::<Vec<Purchase>>().await
    };
    let faults = try_join_all(FAULTS.map(|fault| inject(fixture, fault, progress.clone())));
    let (purchases, _) = tokio::try_join!(buy, faults)?;
    let ledger = idle::wait(fixture, &purchases, deadline).await?;

    let products = PRODUCTS.map(|(product, units, _)| (product, units));
    let violations = ledger.violations(&products, &purchases, &topic::events(fixture).await?);
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    stream::iter(purchases.iter().map(Purchase::repeat)).buffer_unordered(PARALLEL).try_collect().await
}

/// Injects a fault once this many orders are completed.
async fn inject(fixture: &Fixture, (after, fault): (usize, Fault), mut progress: watch::Receiver<usize>) -> Result<()> {
    progress.wait_for(|completed| *completed >= after).await?;
    match fault {
        Fault::Suspend(function) => signal_all(fixture, "STOP", function).await,
        Fault::Kill(function) => signal_all(fixture, "KILL", function).await,
        Fault::RestartAws => fixture.stack().restart_aws().await,
        Fault::RestartKafka(termination) => fixture.stack().restart_kafka(termination).await,
    }
}

async fn signal_all(fixture: &Fixture, kind: &str, function: &str) -> Result<()> {
    ensure!(signal(fixture, kind, function).await? > 0, "there is no process of {function}");
    Ok(())
}
