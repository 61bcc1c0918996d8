//! The products that customers can order.

use crate::simulation::Random;
use crate::system::System;

/// The products `P0`, `P1` and so on.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pub(crate) products: usize,
    /// Whether customers may omit the idempotency key, which gives the order a random id. The id selects the shard where an order
    /// looks for stock first, so with sharded products a run would not depend on the seed alone.
    pub(crate) keys_are_optional: bool,
}

impl Catalog {
    /// Creates one to six products, some of them sharded, with 1 to 300 units each.
    pub(crate) async fn create(system: &System) -> anyhow::Result<Self> {
        let products = system.simulation.draw(|random| random.between(1, 6)) as usize;
        let mut keys_are_optional = true;
        for product in 0..products {
            let (available, shards) = system.simulation.draw(|random: &mut Random| {
                let shards = if random.permille(200) { random.one_of([2, 3, 5]) } else { 1 };
                (random.log_uniform(1, 300), shards)
            });
            keys_are_optional &= shards == 1;
            system.add_product(&format!("P{product}"), available, shards).await?;
        }
        Ok(Self { products, keys_are_optional })
    }
}
