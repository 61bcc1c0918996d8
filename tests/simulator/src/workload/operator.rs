//! The operator: changes the stock and the catalogue while customers order.

use std::time::Duration;

use tokio::time::sleep;
use wire::ProductId;

use crate::simulation::Random;
use crate::system::System;
use crate::workload::Catalog;

/// Changes products until the task is aborted. Each change may be sent twice, as retries do.
pub(crate) async fn operate(system: System, catalog: Catalog) {
    let longest_pause = system.simulation.draw(|random| random.one_of([2_000, 60_000]));
    for number in 0_u64.. {
        let draw = |random: &mut Random| {
            let pause = random.millis(1, longest_pause);
            (
                pause,
                random.index(catalog.products),
                random.permille(200),
                random.between(1, 5) as i64,
                random.permille(500),
            )
        };
        let (pause, product, changes_entry, units, removes) = system.simulation.draw(draw);
        sleep(pause).await;
        let Ok(id) = format!("P{product}").parse() else { continue };
        for _ in 0..system.simulation.draw(|random| random.between(1, 3)) {
            let changed = match changes_entry {
                true => change_entry(&system, &catalog, &id, number).await,
                false => {
                    let quantity = if removes { -units } else { units };
                    system.move_stock(&id, quantity, &format!("M-{number}")).await.map(drop)
                }
            };
            if changed.is_err() {
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Gives a product another name, and one more shard if it has several.
async fn change_entry(system: &System, catalog: &Catalog, id: &ProductId, number: u64) -> anyhow::Result<()> {
    let Some(product) = inventory::product(&system.inventory, id).await? else { return Ok(()) };
    let more = u16::from(!catalog.keys_are_optional && (2..8).contains(&product.shards));
    system.rename(id, &format!("Keyboard {number}"), product.shards + more, product.version).await
}
