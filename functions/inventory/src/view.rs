//! What one read finds of an order and its products.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;
use wire::{Currency, Line, OrderId, ProductId};

use crate::Store;
use crate::moves::{settlement_key, shard_key};
use crate::reservation::{Held, Part, ReservationId, Settlement, Shard};
use crate::stock;

/// An order's settlement and its products. Reads cost no write units, but their items may be of different times: a view finds
/// whatever was finished before it, and decides nothing by itself.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) settlement: Option<Settlement>,
    pub(crate) products: BTreeMap<ProductId, Stocked>,
}

/// A product and all shards of its stock, in order.
#[derive(Debug)]
pub(crate) struct Stocked {
    pub(crate) entry: Entry,
    pub(crate) shards: Vec<Shard>,
}

/// What the catalogue says of a product.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) unit_price_millis: i64,
    pub(crate) currency: Currency,
    #[serde(default = "one")]
    pub(crate) shards: u16,
}

fn one() -> u16 {
    1
}

impl Store {
    /// Reads products, and the settlement of an order.
    pub(crate) async fn view(
        &self,
        order: Option<OrderId>,
        products: impl IntoIterator<Item = &ProductId>,
    ) -> anyhow::Result<View> {
        let products: Vec<&ProductId> = products.into_iter().collect();
        let first = products.iter().map(|product| shard_key(product, 0));
        let mut items = self.table.get(first.chain(order.map(settlement_key)).collect()).await?;

        let settlement = order.and_then(|order| items.remove(&settlement_key(order)));
        let settlement = settlement.map(serde_dynamo::from_item).transpose()?;
        let mut entries: BTreeMap<ProductId, Entry> = BTreeMap::new();
        for product in products {
            if let Some(item) = items.get(&shard_key(product, 0)) {
                entries.insert(product.clone(), serde_dynamo::from_item(item.clone())?);
            }
        }
        let others = entries.iter().flat_map(|(id, entry)| (1..entry.shards).map(move |shard| shard_key(id, shard)));
        let others = self.table.get(others.collect()).await?;
        items.extend(others);

        let mut products = BTreeMap::new();
        for (id, entry) in entries {
            let shards = (0..entry.shards).map(|shard| {
                let item = items.remove(&shard_key(&id, shard)).with_context(|| format!("{id} lacks shard {shard}"))?;
                Ok(serde_dynamo::from_item(item)?)
            });
            let shards = shards.collect::<anyhow::Result<_>>()?;
            products.insert(id, Stocked { entry, shards });
        }
        Ok(View { settlement, products })
    }
}

impl View {
    /// All that an order holds.
    pub(crate) fn held(&self, order: OrderId) -> Vec<Held> {
        let shards = self.products.values().flat_map(|product| &product.shards);
        shards.filter_map(|shard| shard.held_for(order)).collect()
    }
}

impl Stocked {
    /// From which shards an order's pieces would come. None: there are too few.
    pub(crate) fn plan(&self, order: OrderId, line: &Line) -> Option<Vec<Part>> {
        let stock: Vec<u32> = self.shards.iter().map(|shard| shard.stock).collect();
        let plan = stock::plan(line.quantity, &stock, stock::first_shard(order, stock.len()))?;
        let part = |(shard, quantity): (usize, u32)| {
            let Shard { product_id, shard, .. } = &self.shards[shard];
            Part { product_id: product_id.clone(), shard: *shard, quantity }
        };
        Some(plan.into_iter().map(part).collect())
    }
}

/// The oldest reservation of these holds that holds all the lines, each in full, and its parts. (Two are possible: a request that
/// is repeated while it is under way can find its pieces in another shard.)
pub(crate) fn whole(held: &[Held], lines: &[Line]) -> Option<(ReservationId, Vec<Part>)> {
    let mut ids: Vec<ReservationId> = held.iter().map(|held| held.reservation_id).collect();
    ids.sort_unstable();
    ids.into_iter().find_map(|id| {
        let mut parts: Vec<Part> = Vec::new();
        for line in lines {
            let of_line =
                held.iter().filter(|held| held.reservation_id == id && held.part.product_id == line.product_id);
            let of_line: Vec<Part> = of_line.map(|held| held.part.clone()).collect();
            if of_line.iter().map(|part| part.quantity).sum::<u32>() != line.quantity {
                return None;
            }
            parts.extend(of_line);
        }
        Some((id, parts))
    })
}
