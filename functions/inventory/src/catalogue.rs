//! The catalogue's products.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use wire::inventory::{Product, PutProduct};
use wire::{ProductId, UnitPrice};

use crate::backoff::Backoff;
use crate::moves::{built, n, s, shard_key};
use crate::reservation::Shard;
use crate::stock::spread;
use crate::view::{Entry, Stocked};
use crate::{Refusal, Store};

impl Store {
    /// A product of the catalogue. What is forgotten of its stock is released on the way, as well as it can be.
    pub async fn product(&self, id: &ProductId) -> anyhow::Result<Option<Product>> {
        let Some(mut product) = self.stocked(id).await? else { return Ok(None) };
        match self.heal(&product.shards).await {
            Ok(true) => product = self.stocked(id).await?.with_context(|| format!("{id} vanished"))?,
            Ok(false) => {}
            Err(error) => tracing::error!(error = format!("{error:#}"), "can't release what is forgotten of {id}"),
        }
        product.into_wire(id).map(Some)
    }

    /// Enters a product, or changes it; what is reserved and sold stays. The pieces are divided evenly over the shards.
    pub async fn put_product(&self, id: &ProductId, put: &PutProduct) -> anyhow::Result<Result<Product, Refusal>> {
        let mut backoff = Backoff::new();
        loop {
            let known = self.stocked(id).await?.map(|product| product.entry.shards);
            let shards = put.shards.or(known).unwrap_or(1);
            if let Some(known) = known.filter(|known| shards < *known) {
                return Ok(Err(Refusal::FewerShards { product_id: id.clone(), shards: known }));
            }
            let stock = (0..shards).zip(spread(put.available, shards));
            let writes = stock.map(|(shard, pieces)| match shard {
                0 => self.put_entry(id, put, pieces, shards, known),
                _ => self.put_shard(id, shard, pieces),
            });
            let writes = writes.collect::<anyhow::Result<Vec<_>>>()?;
            if self.table.write(&writes).await? {
                let product = self.stocked(id).await?.with_context(|| format!("{id} vanished"))?;
                return product.into_wire(id).map(Ok);
            }
            backoff.pause(anyhow!("others change {id} too")).await?;
        }
    }

    async fn stocked(&self, id: &ProductId) -> anyhow::Result<Option<Stocked>> {
        Ok(self.view(None, [id]).await?.products.remove(id))
    }

    /// The product's own item, if it still has the number of shards that it was `known` to have.
    fn put_entry(
        &self,
        id: &ProductId,
        put: &PutProduct,
        pieces: u32,
        shards: u16,
        known: Option<u16>,
    ) -> anyhow::Result<TransactWriteItem> {
        let entry = "#name = :name, unit_price_millis = :price, currency = :currency, shards = :shards";
        let update = self
            .put_stock(id, 0, pieces, entry)
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", s(put.name.as_str()))
            .expression_attribute_values(":price", n(put.unit_price.millis()))
            .expression_attribute_values(":currency", s(&put.currency))
            .expression_attribute_values(":shards", n(shards));
        built(match known {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(known) => update
                .condition_expression("attribute_not_exists(shards) OR shards = :known")
                .expression_attribute_values(":known", n(known)),
        })
    }

    fn put_shard(&self, id: &ProductId, shard: u16, pieces: u32) -> anyhow::Result<TransactWriteItem> {
        let update = self.put_stock(id, shard, pieces, "#shard = :shard").expression_attribute_names("#shard", "shard");
        built(update.expression_attribute_values(":shard", n(shard)))
    }

    fn put_stock(&self, id: &ProductId, shard: u16, pieces: u32, and: &str) -> UpdateBuilder {
        let stock = "product_id = :id, stock = :stock, reserved = if_not_exists(reserved, :zero), \
                     sold = if_not_exists(sold, :zero), holds = if_not_exists(holds, :none)";
        self.table
            .update(shard_key(id, shard))
            .update_expression(format!("SET {stock}, {and}"))
            .expression_attribute_values(":id", s(id))
            .expression_attribute_values(":stock", n(pieces))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
    }
}

impl Stocked {
    fn into_wire(self, id: &ProductId) -> anyhow::Result<Product> {
        let Entry { name, unit_price_millis, currency, shards } = self.entry;
        let sum = |pieces: fn(&Shard) -> u32| {
            let sum = self.shards.iter().map(pieces).try_fold(0_u32, u32::checked_add);
            sum.with_context(|| format!("there are more pieces of {id} than can be counted"))
        };
        Ok(Product {
            product_id: id.clone(),
            name,
            unit_price: UnitPrice::from_millis(unit_price_millis)?,
            currency,
            available: sum(|shard| shard.stock)?,
            reserved: sum(|shard| shard.reserved)?,
            sold: sum(|shard| shard.sold)?,
            shards,
        })
    }
}
