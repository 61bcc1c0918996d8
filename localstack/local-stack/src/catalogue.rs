//! The products that a new local stack sells.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use serde::Serialize;
use tokio::time::timeout;

/// A product's row in the inventory table.
#[derive(Serialize)]
struct Product {
    pk: String,
    product_id: &'static str,
    name: &'static str,
    /// Thousandths of the currency's major unit: two PROD-123 cost 199.99, so that one costs 99.995.
    unit_price_millis: u64,
    currency: &'static str,
    stock: u64,
    reserved: u64,
    sold: u64,
    shards: u16,
    /// What orders hold: nothing yet.
    holds: BTreeMap<String, ()>,
}

/// Puts the catalogue into the table; a product that is there already stays as it is.
///
/// # Errors
/// When the table does not take it.
pub async fn seed(dynamodb: &Client, table: &str) -> Result<()> {
    let products = [
        ("PROD-123", "Mechanical keyboard", 99_995, 100),
        ("PROD-456", "Trackball", 49_900, 25),
        ("PROD-789", "Desk lamp", 24_500, 3),
    ];
    for (product_id, name, unit_price_millis, stock) in products {
        let pk = format!("PRODUCT#{product_id}");
        let product = Product {
            pk,
            product_id,
            name,
            unit_price_millis,
            currency: "USD",
            stock,
            reserved: 0,
            sold: 0,
            shards: 1,
            holds: BTreeMap::new(),
        };
        let put = dynamodb.put_item().table_name(table).set_item(Some(serde_dynamo::to_item(product)?));
        let put = put.condition_expression("attribute_not_exists(pk)").send();
        match timeout(Duration::from_secs(10), put).await.context("seeding the catalogue hangs")? {
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
            result => drop(result.with_context(|| format!("cannot seed {product_id}"))?),
        }
    }
    Ok(())
}
