//! The inventory table.

use aws_sdk_dynamodb::Client;
use chassis::clock::Clock;
use chrono::Utc;
use wire::{OrderId, ProductId};

use crate::moves::settlement_key;
use crate::reservation::Settlement;
use crate::table::Table;

/// The table of products and settlements.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) table: Table,
    pub(crate) clock: Clock,
}

/// Why stock was not moved. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fewer pieces than asked for.
    #[error("{product_id}: {requested} ordered, {available} available")]
    OutOfStock {
        /// The product that is short.
        product_id: ProductId,
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        available: u32,
    },
    /// The catalogue has no such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// The pieces are there, but in more shards than one transaction can write.
    #[error("the pieces are in {0} places, which are too many for one order")]
    Scattered(usize),
    /// The reservation was released already.
    #[error("the reservation is settled already")]
    Settled,
    /// There is no reservation of these items to confirm.
    #[error("the order has no reservation of these items")]
    NoReservation,
    /// A product's stock can't be split over fewer shards than it is.
    #[error("{product_id} has {shards} shards, and can't have fewer")]
    FewerShards {
        /// The product.
        product_id: ProductId,
        /// How many it has.
        shards: u16,
    },
}

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table), clock: Utc::now }
    }

    /// The same table at another time: a reservation is as old as the clock says.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// What is decided about an order by now.
    pub(crate) async fn settlement(&self, order: OrderId) -> anyhow::Result<Option<Settlement>> {
        let items = self.table.get(vec![settlement_key(order)]).await?;
        Ok(items.into_values().next().map(serde_dynamo::from_item).transpose()?)
    }
}
