//! The fixture of the tests: a saga over an emulated DynamoDB and a fake of the two services.

use aws_lambda_events::dynamodb::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use order::{Order, Saga, Store, TokenKeys, http};
use serde_json::{Value, json};
use test_dynamodb::TestDynamoDb;
use tower::ServiceExt as _;
use wire::OrderId;

use crate::services::Services;

/// The tutorial's order.
pub(crate) const ORDER: &str = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":199.99}"#;
/// The same order with a card that is declined.
pub(crate) const DECLINED: &str =
    r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"payment_token":"tok_decline_expired_card"}"#;

/// More time than any run of recovery here needs.
pub(crate) const RUN: std::time::Duration = std::time::Duration::from_secs(300);

pub(crate) struct Fixture {
    pub(crate) services: Services,
    pub(crate) saga: Saga,
    pub(crate) dynamodb: TestDynamoDb,
}

/// A response with its body parsed.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) body: Value,
}

pub(crate) fn token_keys() -> TokenKeys {
    "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=".parse().unwrap()
}

impl Fixture {
    /// A system with this many units of the product.
    pub(crate) async fn with_stock(stock: u64) -> Self {
        let (services, dynamodb) = (Services::with_stock(stock), TestDynamoDb::start().await.unwrap());
        let store = Store::new(dynamodb.client.clone(), dynamodb.table("OrdersTable").unwrap());
        let saga = Saga::new(store, services.service("inventory"), services.service("payment"), token_keys());
        Self { services, saga, dynamodb }
    }

    pub(crate) async fn place(&self, key: Option<&str>, body: &str) -> Answer {
        self.call("POST", "/orders", key, body).await
    }

    pub(crate) async fn cancel(&self, order: &str) -> Answer {
        self.call("POST", &format!("/orders/{order}/cancel"), None, "{}").await
    }

    pub(crate) async fn get(&self, order: &str) -> Answer {
        self.call("GET", &format!("/orders/{order}"), None, "").await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let response = http::app(self.saga.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes, body }
    }

    pub(crate) async fn order(&self, id: &str) -> Order {
        self.saga.store.order(id.parse::<OrderId>().unwrap()).await.unwrap().unwrap()
    }

    /// Changes an attribute of an order's item, as another version of the code or an operator would.
    pub(crate) async fn edit(&self, order: &str, name: &str, value: AttributeValue) {
        let update = self.dynamodb.client.update_item().table_name(self.dynamodb.table("OrdersTable").unwrap());
        let update =
            update.key("order_id", AttributeValue::S(order.to_owned())).update_expression("SET #name = :value");
        let update = update.expression_attribute_names("#name", name).expression_attribute_values(":value", value);
        update.send().await.unwrap();
    }

    /// Gives the saga another clock.
    pub(crate) fn set_clock(&mut self, clock: fn() -> DateTime<Utc>) {
        self.saga = self.saga.clone().with_clock(clock);
    }

    /// All items of the table.
    pub(crate) async fn items(&self) -> Vec<serde_dynamo::Item> {
        let table = self.dynamodb.table("OrdersTable").unwrap();
        let scan = self.dynamodb.client.scan().table_name(table).consistent_read(true).send().await.unwrap();
        scan.items.unwrap().into_iter().map(Into::into).collect()
    }

    /// The records that the table's stream would have if every order were written again.
    pub(crate) async fn stream(&self) -> Event {
        let record = |image: &serde_dynamo::Item| {
            json!({
                "eventID": "1", "eventName": "MODIFY", "awsRegion": "eu-central-1", "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_795_341_600.0, "Keys": {}, "NewImage": image,
                    "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
                },
            })
        };
        let records: Vec<_> = self.items().await.iter().map(record).collect();
        serde_json::from_value(json!({"Records": records})).unwrap()
    }
}

impl Answer {
    pub(crate) fn order_id(&self) -> &str {
        self.body["order_id"].as_str().unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The HTTP status, and the order's status or the problem's type.
    pub(crate) fn short(&self) -> (u16, &str) {
        let kind = self.body["type"].as_str().map(|kind| kind.trim_start_matches("urn:order-system:problem:"));
        (self.status.as_u16(), kind.or(self.body["status"].as_str()).unwrap_or_default())
    }
}

/// A time after the first deadline of every order.
pub(crate) fn late() -> DateTime<Utc> {
    Utc::now() + Duration::minutes(2)
}
