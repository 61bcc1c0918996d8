//! The products that a new stack has in stock.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use inventory::{Precondition, StockError, Store, put_product, record_movement};
use tokio::time::timeout;
use wire::inventory::PutProduct;
use wire::movement::{MovementKind, NewMovement};
use wire::{Currency, ProductId, UnitPrice};

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
    let inventory = Store::new(dynamodb.clone(), table.to_owned());
    for (id, name, unit_price_millis, available) in PRODUCTS {
        let currency = Currency::try_from("USD".to_owned()).map_err(anyhow::Error::msg)?;
        let product = PutProduct::new(name.parse()?, UnitPrice::from_millis(unit_price_millis)?, currency, None);
        let stored = timeout(DEADLINE, store(&inventory, &id.parse()?, &product, available)).await;
        stored
            .with_context(|| format!("timed out while storing {id}"))?
            .with_context(|| format!("cannot store {id}"))?;
    }
    Ok(())
}

/// Stores a product and its first stock. A product that exists keeps its entry, and the stock is added once.
async fn store(inventory: &Store, id: &ProductId, product: &PutProduct, available: u32) -> Result<()> {
    match put_product(inventory, id, product, &Precondition::Absent).await? {
        Ok(_) | Err(StockError::PreconditionFailed(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let movement = NewMovement {
        movement_id: "SAMPLE".parse()?,
        kind: MovementKind::Received,
        quantity: available.into(),
        reason: "the sample products of a new stack".parse()?,
    };
    record_movement(inventory, id, &movement, &"local-stack".parse()?).await??;
    Ok(())
}
