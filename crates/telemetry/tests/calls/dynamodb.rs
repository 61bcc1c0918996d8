use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, Select, TransactWriteItem};
use aws_smithy_runtime_api::client::result::ConnectorError;
use opentelemetry::trace::{SpanKind, Status};
use telemetry::aws_sdk::TraceDynamoDb;

use crate::fake_aws::{FakeAws, Response};
use crate::recorder::{Recorder, attributes, map};

const DURATION: &str = "db.client.operation.duration";

fn client(aws: &FakeAws) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::from(&aws.config()).interceptor(TraceDynamoDb).build();
    Client::from_conf(config)
}

fn key() -> AttributeValue {
    AttributeValue::S("a-key".to_owned())
}

#[tokio::test]
async fn read_records_table_capacity_and_server_but_no_key() {
    let recorder = Recorder::start();
    let consumed = r#"{"Item":{"id":{"S":"a-key"}},"ConsumedCapacity":{"TableName":"read","CapacityUnits":0.5}}"#;
    let aws = FakeAws::responding([Ok((200, consumed))]);
    let get = client(&aws).get_item().table_name("read").key("id", key()).consistent_read(true);
    get.projection_expression("#id, stock").send().await.unwrap();

    assert_eq!(aws.requests()[0]["ReturnConsumedCapacity"], "TOTAL");
    let span = recorder.span();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("DynamoDB.GetItem", &SpanKind::Client, &Status::Unset));
    let expected = map([
        ("aws.dynamodb.consistent_read", "true"),
        ("aws.dynamodb.consumed_capacity", r#"{"TableName":"read","CapacityUnits":0.5}"#),
        ("aws.dynamodb.projection", "#id, stock"),
        ("aws.dynamodb.table_names", "read"),
        ("aws.request_id", "R1"),
        ("cloud.region", "eu-central-1"),
        ("db.operation.name", "GetItem"),
        ("db.system.name", "aws.dynamodb"),
        ("http.response.status_code", "200"),
        ("rpc.method", "DynamoDB/GetItem"),
        ("rpc.system.name", "aws-api"),
        ("server.address", "dynamodb.eu-central-1.amazonaws.com"),
        ("server.port", "443"),
    ]);
    assert_eq!(attributes(&span), expected);

    let point = recorder.point(DURATION, "db.collection.name", "read");
    assert_eq!((point.unit.as_str(), point.count), ("s", 1));
    assert_eq!(point.buckets, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
    let expected = map([
        ("db.collection.name", "read"),
        ("db.operation.name", "GetItem"),
        ("db.system.name", "aws.dynamodb"),
        ("server.address", "dynamodb.eu-central-1.amazonaws.com"),
        ("server.port", "443"),
    ]);
    assert_eq!(point.attributes, expected);
}

#[tokio::test]
async fn query_records_its_index_limit_order_and_select() {
    let recorder = Recorder::start();
    let aws = FakeAws::responding([Ok((200, r#"{"Items":[],"Count":0}"#))]);
    let query = client(&aws).query().table_name("queried").index_name("by_user").limit(20).scan_index_forward(false);
    let query = query.select(Select::AllAttributes).key_condition_expression("id = :id");
    query.expression_attribute_values(":id", key()).send().await.unwrap();

    let found = attributes(&recorder.span());
    for (name, value) in [
        ("aws.dynamodb.index_name", "by_user"),
        ("aws.dynamodb.limit", "20"),
        ("aws.dynamodb.scan_forward", "false"),
        ("aws.dynamodb.select", "ALL_ATTRIBUTES"),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!found.contains_key("aws.dynamodb.consumed_capacity"), "the response has none");
    assert!(!found.values().any(|value| value.contains("a-key")), "{found:?}");
}

#[tokio::test]
async fn transaction_records_every_table_and_its_capacity() {
    let recorder = Recorder::start();
    let consumed = r#"{"ConsumedCapacity":[{"TableName":"a"},{"TableName":"b"}]}"#;
    let aws = FakeAws::responding([Ok((200, consumed))]);
    let put = || Put::builder().table_name("b").item("id", key()).build().unwrap();
    let delete = Delete::builder().table_name("a").key("id", key()).build().unwrap();
    let writes = [
        TransactWriteItem::builder().put(put()).build(),
        TransactWriteItem::builder().delete(delete).build(),
        TransactWriteItem::builder().put(put()).build(),
    ];
    client(&aws).transact_write_items().set_transact_items(Some(writes.into())).send().await.unwrap();

    let found = attributes(&recorder.span());
    assert_eq!(found["aws.dynamodb.table_names"], "a b");
    assert_eq!(found["aws.dynamodb.consumed_capacity"], r#"{"TableName":"a"} {"TableName":"b"}"#);
    let point = recorder.point(DURATION, "db.operation.name", "TransactWriteItems");
    assert!(!point.attributes.contains_key("db.collection.name"), "the transaction has more than one table");
}

#[tokio::test]
async fn callers_own_return_consumed_capacity_is_kept() {
    let _recorder = Recorder::start();
    let aws = FakeAws::responding([Ok((200, "{}"))]);
    let put = client(&aws).put_item().table_name("t").item("id", key());
    put.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await.unwrap();
    assert_eq!(aws.requests()[0]["ReturnConsumedCapacity"], "INDEXES");
}

#[tokio::test]
async fn failed_condition_is_not_an_error() {
    let recorder = Recorder::start();
    let response = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    let aws = FakeAws::responding([Ok((400, response))]);
    client(&aws).put_item().table_name("conditional").item("id", key()).send().await.unwrap_err();

    let span = recorder.span();
    assert_eq!(span.status, Status::Unset);
    assert_eq!(attributes(&span)["db.response.status_code"], "ConditionalCheckFailedException");
    let point = recorder.point(DURATION, "db.collection.name", "conditional");
    assert_eq!(point.attributes["db.response.status_code"], "ConditionalCheckFailedException");
    assert!(!point.attributes.contains_key("error.type") && !attributes(&span).contains_key("error.type"));
}

#[tokio::test]
async fn error_has_the_same_type_on_span_and_metric() {
    let cases: [(&str, Response, &str); 4] = [
        ("rejected", Ok((400, r#"{"__type":"aws#ResourceNotFoundException"}"#)), "ResourceNotFoundException"),
        ("unparsable", Ok((400, "<html>")), "_OTHER"),
        ("slow", Err(|| ConnectorError::timeout("slow".into())), "timeout"),
        ("unreachable", Err(|| ConnectorError::io("unreachable".into())), "connect"),
    ];
    for (table, response, error_type) in cases {
        let recorder = Recorder::start();
        let aws = FakeAws::responding([response, response]);
        client(&aws).put_item().table_name(table).item("id", key()).send().await.unwrap_err();

        let span = recorder.span();
        assert_eq!(span.status, Status::error(""), "{table}");
        assert_eq!(attributes(&span)["error.type"], error_type);
        let point = recorder.point(DURATION, "db.collection.name", table);
        assert_eq!((point.attributes["error.type"].as_str(), point.count), (error_type, 1));
    }
}

#[tokio::test]
async fn call_that_succeeds_on_retry_is_one_span_without_an_error() {
    let recorder = Recorder::start();
    let throttled = r#"{"__type":"aws#ThrottlingException"}"#;
    let aws = FakeAws::responding([Ok((400, throttled)), Ok((200, "{}"))]);
    client(&aws).put_item().table_name("retried").item("id", key()).send().await.unwrap();

    assert_eq!(aws.requests().len(), 2);
    let span = recorder.span();
    assert_eq!(span.status, Status::Unset);
    assert_eq!(attributes(&span)["http.response.status_code"], "200");
    let point = recorder.point(DURATION, "db.collection.name", "retried");
    assert!(!point.attributes.contains_key("error.type") && point.count == 1, "{point:?}");
}
