//! Events: whatever a stream, a topic or a queue contains, the functions never panic, and their partial batch responses
//! name only records that exist. Two other text inputs are tested too: the Idempotency-Key and the cursor of a page.
//!
//! The real handlers run, with a DynamoDB that answers every call with an empty object.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aws_lambda_events::{dynamodb, sqs};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chassis::client::Service;
use kafka_producer::Sent;
use libfuzzer_sys::fuzz_target;
use notification::Delivery;
use notification::channel::Channels;
use notification::kafka::KafkaEvent;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use order::relay::{Topic, relay};
use order::{IdempotencyKey, Saga};
use telemetry::propagation::{self, Carrier};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use wire::OrderEvent;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

/// The same propagators as `telemetry::init` sets when `OTEL_PROPAGATORS` is not set.
fn set_propagators() {
    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
}

static ORDERS: LazyLock<order::Store> = LazyLock::new(|| order::Store::new(client(), "orders".to_owned()));

static DELIVERY: LazyLock<Delivery> = LazyLock::new(|| {
    Delivery::new(notification::Store::new(client(), "notifications".to_owned()), Channels::default())
});

static ORDER: LazyLock<Router> = LazyLock::new(|| {
    let service = |name| Service::third_party(name, "http://127.0.0.1:9".parse().unwrap()).unwrap();
    order::http::app(Saga::new(ORDERS.clone(), service("inventory"), service("payment")))
});

fuzz_target!(init: set_propagators(), |input: &[u8]| {
    if let Ok(event) = serde_json::from_slice::<dynamodb::Event>(input) {
        check_relay(event);
    }
    if let Ok(event) = serde_json::from_slice::<sqs::SqsEvent>(input) {
        check_delivery(event);
    }
    if let Ok(event) = serde_json::from_slice::<KafkaEvent>(input) {
        event.records.values().flatten().for_each(check_record);
    }
    let _ = IdempotencyKey::parse(input);
    // An input that looks like JSON is an event, not a query.
    if let Ok(text) = std::str::from_utf8(input)
        && !text.starts_with('{')
        && let Ok(request) = Request::get(format!("/orders?user_id=USER-001&{text}")).body(Body::empty())
    {
        let response = RUNTIME.block_on(ORDER.clone().oneshot(request)).unwrap();
        assert!([200, 400].contains(&response.status().as_u16()), "{response:?}");
    }
});

/// The response names at most one record, the first that was not relayed. [`Events`] checks what is sent to the topic.
fn check_relay(event: dynamodb::Event) {
    let numbers: BTreeSet<_> = event.records.iter().map(|record| record.change.sequence_number.clone()).collect();
    let response = RUNTIME.block_on(relay(&ORDERS, &Events, event)).unwrap();
    assert!(response.batch_item_failures.len() <= 1);
    assert!(response.batch_item_failures.iter().all(|failure| numbers.contains(&failure.item_identifier)));
}

/// The response names only messages of the event.
fn check_delivery(event: sqs::SqsEvent) {
    let ids: BTreeSet<_> = event.records.iter().map(|message| message.message_id.clone().unwrap_or_default()).collect();
    let response = RUNTIME.block_on(notification::sqs::handle(&DELIVERY, event)).unwrap();
    assert!(response.batch_item_failures.iter().all(|failure| ids.contains(&failure.item_identifier)));
}

/// A Kafka record that parses as an event survives a round trip, and its headers never cause a panic.
fn check_record(record: &notification::kafka::KafkaRecord) {
    let carrier = propagation::kafka_headers(&record.headers);
    let _ = propagation::extract_span(&carrier);
    let Ok(event) = notification::kafka::read(record) else { return };
    let written = serde_json::to_vec(&event).unwrap();
    assert_eq!(serde_json::from_slice::<OrderEvent>(&written).unwrap(), event);
}

/// A topic that accepts only valid events whose key is their order's id.
struct Events;

impl Topic for Events {
    fn name(&self) -> &str {
        "order-notifications"
    }

    async fn append(&self, key: &str, value: Vec<u8>, _: Carrier) -> anyhow::Result<Sent> {
        let event: OrderEvent = serde_json::from_slice(&value).unwrap();
        assert_eq!((event.order_id.to_string().as_str(), event.version), (key, 1));
        Ok(Sent { partition: 0, offset: 0 })
    }
}

/// Answers every call with an empty object.
#[derive(Debug)]
struct Nothing;

impl HttpConnector for Nothing {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}"))))
    }
}

fn client() -> Client {
    let connector = SharedHttpConnector::new(Nothing);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url("http://dynamodb")
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()));
    Client::from_conf(config.build())
}
