//! The catalogue: reading a product, and creating or changing its entry.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use wire::ProductId;
use wire::inventory::{Product, PutProduct};

use crate::allocation::spread;
use crate::backoff::Backoff;
use crate::expire::settle_expired;
use crate::precondition::Precondition;
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

/// Creates a product without stock, or changes its catalogue entry, if the precondition holds. New shards get their part of the
/// units that can be ordered.
///
/// An entry that is already as requested is returned as it is, whatever the precondition: the request may be a repetition whose
/// first answer was lost (RFC 9110, section 13.1.1).
pub async fn put_product(
    store: &Store,
    id: &ProductId,
    put: &PutProduct,
    precondition: &Precondition,
) -> anyhow::Result<Result<Product, StockError>> {
    let mut backoff = Backoff::new();
    loop {
        let current = store.product(id).await?;
        if let Some(current) = current.as_ref().filter(|current| current.has_entry(put)) {
            return current.clone().into_wire().map(Ok);
        }
        if !precondition.holds_for(current.as_ref().map(|current| current.version)) {
            return Ok(Err(StockError::PreconditionFailed(id.clone())));
        }
        let writes = match &current {
            None => create(store, id, put)?,
            Some(current) => {
                let shards = current.shard_count();
                if put.shards.is_some_and(|wanted| wanted < shards) {
                    return Ok(Err(StockError::FewerShards { product_id: id.clone(), shards }));
                }
                change(store, current, put)?
            }
        };
        if store.write(&writes).await? {
            return existing_product(store, id).await?.into_wire().map(Ok);
        }
        backoff.pause(anyhow!("other requests keep changing product {id}")).await?;
    }
}

async fn existing_product(store: &Store, id: &ProductId) -> anyhow::Result<StockedProduct> {
    store.product(id).await?.with_context(|| format!("product {id} has disappeared"))
}

/// The writes that create a product without stock, on condition that its id is not taken.
fn create(store: &Store, id: &ProductId, put: &PutProduct) -> anyhow::Result<Vec<TransactWriteItem>> {
    let shards = put.shards.unwrap_or(1);
    let first = set_entry(new_shard(store, id, 0, 0, &format!("units = :zero, {ENTRY}")), put, shards, 1);
    let further = (1..shards).map(|shard| update_write(further_shard(store, id, shard, 0)));
    std::iter::once(update_write(first)).chain(further).collect()
}

/// The writes that change a catalogue entry, if it is still the same version. Only new shards touch the stock: they get units of
/// the present shards, if those still have them.
fn change(store: &Store, current: &StockedProduct, put: &PutProduct) -> anyhow::Result<Vec<TransactWriteItem>> {
    let (id, known) = (&current.id, current.shard_count());
    let shards = put.shards.unwrap_or(known);
    let stock: Vec<u32> = current.shards.iter().map(|shard| shard.stock).collect();
    let (given, received) = spread(&stock, usize::from(shards - known));

    let unchanged = match current.version {
        0 => "attribute_exists(pk) AND attribute_not_exists(version)",
        _ => "version = :known",
    };
    let take = |shard: u16, units: u32| {
        store.update(shard_key(id, shard)).expression_attribute_values(":given", number(units))
    };
    let first = match given.first() {
        Some(&units) if units > 0 => take(0, units)
            .update_expression(format!("SET stock = stock - :given, {ENTRY}"))
            .condition_expression(format!("{unchanged} AND stock >= :given")),
        _ => store.update(shard_key(id, 0)).update_expression(format!("SET {ENTRY}")).condition_expression(unchanged),
    };
    let first = match current.version {
        0 => first,
        known => first.expression_attribute_values(":known", number(known)),
    };
    let mut writes = vec![update_write(set_entry(first, put, shards, current.version + 1))?];
    for (shard, units) in (1..known).zip(given.into_iter().skip(1)).filter(|(_, units)| *units > 0) {
        let taken = take(shard, units).update_expression("SET stock = stock - :given");
        writes.push(update_write(taken.condition_expression("stock >= :given"))?);
    }
    for (shard, units) in (known..shards).zip(received) {
        writes.push(update_write(further_shard(store, id, shard, units))?);
    }
    Ok(writes)
}

/// The assignments that [`set_entry`] gives their values.
const ENTRY: &str =
    "#name = :name, unit_price_millis = :price, currency = :currency, shards = :shards, version = :version";

fn set_entry(update: UpdateBuilder, put: &PutProduct, shards: u16, version: u64) -> UpdateBuilder {
    update
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":name", text(put.name.as_str()))
        .expression_attribute_values(":price", number(put.unit_price.millis()))
        .expression_attribute_values(":currency", text(&put.currency))
        .expression_attribute_values(":shards", number(shards))
        .expression_attribute_values(":version", number(version))
}

fn further_shard(store: &Store, id: &ProductId, shard: u16, units: u32) -> UpdateBuilder {
    new_shard(store, id, shard, units, "#shard = :shard")
        .expression_attribute_names("#shard", "shard")
        .expression_attribute_values(":shard", number(shard))
}

/// Creates a shard with its stock, and with the attributes that `also` assigns, if the item does not exist.
fn new_shard(store: &Store, id: &ProductId, shard: u16, units: u32, also: &str) -> UpdateBuilder {
    store
        .update(shard_key(id, shard))
        .update_expression(format!(
            "SET product_id = :id, stock = :stock, reserved = :zero, sold = :zero, holds = :none, {also}"
        ))
        .condition_expression("attribute_not_exists(pk)")
        .expression_attribute_values(":id", text(id))
        .expression_attribute_values(":stock", number(units))
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
}
