//! The catalogue: reading a product, and creating or changing one.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use wire::ProductId;
use wire::inventory::{Product, PutProduct};

use crate::allocation::split;
use crate::backoff::Backoff;
use crate::expire::settle_expired;
use crate::stock::StockedProduct;
use crate::store::{number, shard_key, text, update_write};
use crate::{StockError, Store};

/// Reads a product. It also settles the product's expired reservations; if that fails, the product is returned as it is.
pub async fn product(store: &Store, id: &ProductId) -> anyhow::Result<Option<Product>> {
    let Some(mut product) = store.product(id).await? else { return Ok(None) };
    match settle_expired(store, &product.shards).await {
        Ok(true) => product = existing_product(store, id).await?,
        Ok(false) => {}
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot settle the expired reservations of product {id}");
        }
    }
    product.into_wire().map(Some)
}

/// Creates a product or changes it. The available units are divided evenly over the shards; the reserved and sold units stay.
pub async fn put_product(
    store: &Store,
    id: &ProductId,
    put: &PutProduct,
) -> anyhow::Result<Result<Product, StockError>> {
    let mut backoff = Backoff::new();
    loop {
        let current = store.product(id).await?.map(|product| product.shard_count());
        let shards = put.shards.or(current).unwrap_or(1);
        if let Some(current) = current.filter(|current| shards < *current) {
            return Ok(Err(StockError::FewerShards { product_id: id.clone(), shards: current }));
        }
        let writes = (0..shards).zip(split(put.available, shards)).map(|(shard, units)| match shard {
            0 => write_first_shard(store, id, put, units, shards, current),
            _ => write_further_shard(store, id, shard, units),
        });
        let writes = writes.collect::<anyhow::Result<Vec<_>>>()?;
        if store.write(&writes).await? {
            return existing_product(store, id).await?.into_wire().map(Ok);
        }
        backoff.pause(anyhow!("other requests keep changing product {id}")).await?;
    }
}

async fn existing_product(store: &Store, id: &ProductId) -> anyhow::Result<StockedProduct> {
    store.product(id).await?.with_context(|| format!("product {id} has disappeared"))
}

/// Writes the item that has the catalogue entry and the first shard, if the number of shards is still `current` (`None`: the
/// product is new).
fn write_first_shard(
    store: &Store,
    id: &ProductId,
    put: &PutProduct,
    units: u32,
    shards: u16,
    current: Option<u16>,
) -> anyhow::Result<TransactWriteItem> {
    let entry = "#name = :name, unit_price_millis = :price, currency = :currency, shards = :shards";
    let update = set_stock(store, id, 0, units, entry)
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":name", text(put.name.as_str()))
        .expression_attribute_values(":price", number(put.unit_price.millis()))
        .expression_attribute_values(":currency", text(&put.currency))
        .expression_attribute_values(":shards", number(shards));
    update_write(match current {
        None => update.condition_expression("attribute_not_exists(pk)"),
        Some(current) => update
            .condition_expression("attribute_not_exists(shards) OR shards = :known")
            .expression_attribute_values(":known", number(current)),
    })
}

fn write_further_shard(store: &Store, id: &ProductId, shard: u16, units: u32) -> anyhow::Result<TransactWriteItem> {
    let update = set_stock(store, id, shard, units, "#shard = :shard")
        .expression_attribute_names("#shard", "shard")
        .expression_attribute_values(":shard", number(shard));
    update_write(update)
}

/// Sets a shard's `stock`, and with it the attributes that `and_set` assigns.
fn set_stock(store: &Store, id: &ProductId, shard: u16, units: u32, and_set: &str) -> UpdateBuilder {
    let stock = "product_id = :id, stock = :stock, reserved = if_not_exists(reserved, :zero), \
                 sold = if_not_exists(sold, :zero), holds = if_not_exists(holds, :none)";
    store
        .update(shard_key(id, shard))
        .update_expression(format!("SET {stock}, {and_set}"))
        .expression_attribute_values(":id", text(id))
        .expression_attribute_values(":stock", number(units))
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
}
