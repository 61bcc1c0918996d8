//! An inventory table for one test, and helpers to fill and read it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use inventory::{MovementError, Precondition, Recorded, StockError, Store, record_movement};
use test_dynamodb::TestDynamoDb;
use wire::inventory::{Product, PutProduct};
use wire::movement::{MovementKind, NewMovement};
use wire::{Line, OrderId, ProductId, UnitPrice};

/// An emulated table and a store over it.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) store: Store,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let dynamodb = TestDynamoDb::start().await.unwrap();
        let table = dynamodb.table("InventoryTable").unwrap();
        let store = Store::new(dynamodb.client.clone(), table.clone());
        Self { client: dynamodb.client, table, store }
    }

    /// The same table, through a client with this interceptor and short retry pauses.
    pub(crate) fn store_with(&self, interceptor: impl Intercept + 'static) -> Store {
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = self.client.config().to_builder().retry_config(retries);
        Store::new(Client::from_conf(config.interceptor(interceptor).build()), self.table.clone())
    }

    /// Creates a product with one shard.
    pub(crate) async fn add_product(&self, id: &str, available: u32) -> ProductId {
        self.put_product(id, available, None).await.unwrap().product_id
    }

    /// Creates or changes a product, and corrects its stock.
    pub(crate) async fn put_product(
        &self,
        id: &str,
        available: u32,
        shards: Option<u16>,
    ) -> Result<Product, StockError> {
        let unit_price = UnitPrice::from_millis(99_995).unwrap();
        let currency = "USD".to_owned().try_into().unwrap();
        let put = PutProduct::new("A thing".parse().unwrap(), unit_price, currency, shards);
        let id = id.parse().unwrap();
        let known = inventory::product(&self.store, &id).await.unwrap();
        let precondition = if known.is_some() { Precondition::Present } else { Precondition::Absent };
        let product = inventory::put_product(&self.store, &id, &put, &precondition).await.unwrap()?;
        let quantity = i64::from(available) - i64::from(product.available);
        if quantity != 0 {
            self.record(&id, MovementKind::Corrected, quantity, &OrderId::new().to_string()).await.unwrap();
        }
        Ok(inventory::product(&self.store, &id).await.unwrap().unwrap())
    }

    /// Records a movement of stock.
    pub(crate) async fn record(
        &self,
        id: &ProductId,
        kind: MovementKind,
        quantity: i64,
        movement_id: &str,
    ) -> Result<Recorded, MovementError> {
        let (movement_id, reason) = (movement_id.parse().unwrap(), "a test".parse().unwrap());
        let movement = NewMovement { movement_id, kind, quantity, reason };
        record_movement(&self.store, id, &movement, &"CLERK".parse().unwrap()).await.unwrap()
    }

    /// The units that are available, reserved and sold.
    pub(crate) async fn counts(&self, id: &ProductId) -> (u32, u32, u32) {
        let Product { available, reserved, sold, .. } = inventory::product(&self.store, id).await.unwrap().unwrap();
        (available, reserved, sold)
    }

    /// Every item of the table whose key begins with `prefix`.
    pub(crate) async fn items(&self, prefix: &str) -> Vec<HashMap<String, AttributeValue>> {
        let items = self.client.scan().table_name(&self.table).send().await.unwrap().items.unwrap();
        items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with(prefix)).collect()
    }

    /// Writes a hold as a slow request does that has not read the settlement yet.
    pub(crate) async fn place_late_hold(
        &self,
        product: &ProductId,
        order: OrderId,
        reservation_id: &str,
        quantity: u32,
    ) {
        let hold = HashMap::from([
            ("reservation_id".to_owned(), AttributeValue::S(reservation_id.to_owned())),
            ("quantity".to_owned(), AttributeValue::N(quantity.to_string())),
        ]);
        let update = self.client.update_item().table_name(&self.table);
        update
            .key("pk", AttributeValue::S(format!("PRODUCT#{product}")))
            .update_expression("SET stock = stock - :q, reserved = reserved + :q, holds.#order = :hold")
            .expression_attribute_names("#order", order.to_string())
            .expression_attribute_values(":q", AttributeValue::N(quantity.to_string()))
            .expression_attribute_values(":hold", AttributeValue::M(hold))
            .send()
            .await
            .unwrap();
    }
}

pub(crate) fn line(product_id: &ProductId, quantity: u32) -> Line {
    Line { product_id: product_id.clone(), quantity }
}

pub(crate) fn number(item: &HashMap<String, AttributeValue>, attribute: &str) -> i64 {
    item[attribute].as_n().unwrap().parse().unwrap()
}

/// Replaces a response by a server error, after which the SDK would retry.
pub(crate) fn lose(answer: &mut BeforeDeserializationInterceptorContextMut<'_>) {
    *answer.response_mut() = HttpResponse::new(StatusCode::try_from(500).unwrap(), SdkBody::empty());
}
