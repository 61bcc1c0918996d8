//! The products that a new stack has in stock.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use tokio::time::timeout;
use wire::inventory::PutProduct;
use wire::{Currency, UnitPrice};

/// Id, name, price of one unit in thousandths of a US dollar, and units in stock. The tutorial's order is two PROD-123
/// for 199.99, so one of them costs 99.995.
const PRODUCTS: [(&str, &str, i64, u32); 3] = [
    ("PROD-123", "Mechanical keyboard", 99_995, 100),
    ("PROD-456", "Trackball", 49_900, 25),
    ("PROD-789", "Desk lamp", 24_500, 3),
];

/// Longest time for storing one product, which normally takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Stores the products in the inventory table. It uses the inventory function's own code instead of the API: this works
/// before any function runs, and leaves no traces in the viewer.
///
/// # Errors
/// When the table cannot be written.
pub async fn seed(dynamodb: &Client, table: &str) -> Result<()> {
    let inventory = inventory::Store::new(dynamodb.clone(), table.to_owned());
    for (id, name, unit_price_millis, available) in PRODUCTS {
        let product = PutProduct {
            name: name.parse()?,
            unit_price: UnitPrice::from_millis(unit_price_millis)?,
            currency: Currency::try_from("USD".to_owned()).map_err(anyhow::Error::msg)?,
            available,
            shards: None,
        };
        let id = id.parse()?;
        let stored = timeout(DEADLINE, inventory::put_product(&inventory, &id, &product)).await;
        stored
            .with_context(|| format!("timed out while storing {id}"))??
            .with_context(|| format!("cannot store {id}"))?;
    }
    Ok(())
}
