//! The inventory table. This module and its parts make all calls to DynamoDB: reads are here, writes in `store/write.rs`, and
//! `store/item.rs` says what the items are.

mod item;
mod movements;
mod write;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{Get, KeysAndAttributes, TransactGetItem};
use chassis::clock::Clock;
use chrono::{DateTime, Utc};
use wire::{Line, OrderId, ProductId};

use crate::backoff::Backoff;
use crate::reservation::{Hold, Settlement};
use crate::stock::{Shard, StockedProduct};
use crate::store::item::{Item, ProductItem, ShardItem, key, pk};

pub(crate) use crate::store::item::{HoldItem, MovementItem, SettlementItem, settlement_key, shard_key};
pub(crate) use crate::store::write::{
    SAME_HOLD, WriteOutcome, names_hold, not_renewed_since, number, text, update_write,
};

/// The table of products and settlements, and the clock that decides how old a reservation is.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    clock: Clock,
}

/// An order's settlement, and the products of its lines.
///
/// Reads cost no write units, but the items may be of different moments: a view contains everything that was finished before
/// it began, and part of what happened meanwhile. A decision therefore needs a conditional write.
#[derive(Debug)]
pub(crate) struct OrderView {
    pub(crate) settlement: Option<Settlement>,
    pub(crate) products: BTreeMap<ProductId, StockedProduct>,
}

impl OrderView {
    /// All holds of an order.
    pub(crate) fn holds_of(&self, order: OrderId) -> Vec<Hold> {
        let shards = self.products.values().flat_map(|product| &product.shards);
        shards.filter_map(|shard| shard.hold_of(order).cloned()).collect()
    }
}

impl Store {
    /// The table of that name, with the system's clock.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, clock: Utc::now }
    }

    /// The same table with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// A product with its stock.
    pub(crate) async fn product(&self, id: &ProductId) -> anyhow::Result<Option<StockedProduct>> {
        Ok(self.view(None, &[id]).await?.products.remove(id))
    }

    /// An order's settlement.
    pub(crate) async fn settlement(&self, order: OrderId) -> anyhow::Result<Option<Settlement>> {
        let item = self.get(vec![settlement_key(order)]).await?.into_values().next();
        item.map(settlement).transpose()
    }

    /// An order's settlement, and the products of its lines.
    pub(crate) async fn order_view(&self, order: OrderId, lines: &[Line]) -> anyhow::Result<OrderView> {
        let products: Vec<&ProductId> = lines.iter().map(|line| &line.product_id).collect();
        self.view(Some(order), &products).await
    }

    /// Shards of a product, at most 100, all as they are at one moment.
    pub(crate) async fn shards_at_one_moment(&self, id: &ProductId, shards: &[Shard]) -> anyhow::Result<Vec<Shard>> {
        let gets = shards.iter().map(|shard| {
            let key = key(shard_key(id, shard.number));
            Ok(TransactGetItem::builder()
                .get(Get::builder().table_name(&self.table).set_key(Some(key)).build()?)
                .build())
        });
        let gets = gets.collect::<anyhow::Result<Vec<_>>>()?;
        let mut backoff = Backoff::new();
        let got = loop {
            match self.client.transact_get_items().set_transact_items(Some(gets.clone())).send().await {
                Ok(got) => break got,
                Err(error) if error.code() == Some("TransactionCanceledException") => {
                    backoff.pause(error.into()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        };
        got.responses.into_iter().flatten().filter_map(|got| got.item).map(shard).collect()
    }

    async fn view(&self, order: Option<OrderId>, products: &[&ProductId]) -> anyhow::Result<OrderView> {
        let first_shards = products.iter().map(|id| shard_key(id, 0));
        let mut items = self.get(first_shards.chain(order.map(settlement_key)).collect()).await?;

        let settlement = order.and_then(|order| items.remove(&settlement_key(order))).map(settlement).transpose()?;
        let mut entries: BTreeMap<&ProductId, ProductItem> = BTreeMap::new();
        for id in products {
            if let Some(item) = items.get(&shard_key(id, 0)) {
                entries.insert(id, serde_dynamo::from_item(item.clone())?);
            }
        }
        let further = entries.iter().flat_map(|(id, entry)| (1..entry.shards).map(|shard| shard_key(id, shard)));
        items.extend(self.get(further.collect()).await?);

        let mut products = BTreeMap::new();
        for (id, entry) in entries {
            let ProductItem { name, unit_price_millis, currency, shards, version, units } = entry;
            let shards = (0..shards).map(|number| {
                let item = items.remove(&shard_key(id, number));
                shard(item.with_context(|| format!("product {id} has no shard {number}"))?)
            });
            let shards = shards.collect::<anyhow::Result<_>>()?;
            let id = id.clone();
            let product = StockedProduct { id: id.clone(), name, unit_price_millis, currency, version, units, shards };
            products.insert(id, product);
        }
        Ok(OrderView { settlement, products })
    }

    /// The items of these keys that exist, by key. Each read is strongly consistent, but the items may be of different moments.
    async fn get(&self, mut keys: Vec<String>) -> anyhow::Result<HashMap<String, Item>> {
        /// The number of keys that one BatchGetItem takes.
        const BATCH: usize = 100;
        let mut found = HashMap::new();
        let mut backoff = Backoff::new();
        while !keys.is_empty() {
            let batch = keys.split_off(keys.len().saturating_sub(BATCH)).into_iter().map(key);
            let batch = KeysAndAttributes::builder().set_keys(Some(batch.collect())).consistent_read(true).build()?;
            let got = self.client.batch_get_item().request_items(&self.table, batch).send().await?;
            for item in got.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                found.insert(pk(&item)?, item);
            }
            let unprocessed = got.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            let unprocessed = unprocessed.flat_map(|unprocessed| unprocessed.keys).map(|key| pk(&key));
            let unprocessed = unprocessed.collect::<anyhow::Result<Vec<_>>>()?;
            if !unprocessed.is_empty() {
                backoff.pause(anyhow!("DynamoDB leaves keys unprocessed")).await?;
                keys.extend(unprocessed);
            }
        }
        Ok(found)
    }
}

fn settlement(item: Item) -> anyhow::Result<Settlement> {
    Ok(serde_dynamo::from_item::<_, SettlementItem>(item)?.into())
}

fn shard(item: Item) -> anyhow::Result<Shard> {
    Ok(serde_dynamo::from_item::<_, ShardItem>(item)?.into())
}
