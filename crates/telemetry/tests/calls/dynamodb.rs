use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, Select, TransactWriteItem};
use aws_smithy_runtime_api::client::result::ConnectorError;
use opentelemetry::trace::{SpanKind, Status};
use telemetry::aws_sdk::TraceDynamoDb;

use crate::aws::{Answer, Aws};
use crate::recorded::{Recorded, attributes, map};

const DURATION: &str = "db.client.operation.duration";

fn client(aws: &Aws) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::from(&aws.config()).interceptor(TraceDynamoDb).build();
    Client::from_conf(config)
}

fn key() -> AttributeValue {
    AttributeValue::S("a-key".to_owned())
}

#[tokio::test]
async fn a_read_tells_the_table_the_capacity_and_where_it_went_but_no_key() {
    let recorded = Recorded::start();
    let consumed = r#"{"Item":{"id":{"S":"a-key"}},"ConsumedCapacity":{"TableName":"read","CapacityUnits":0.5}}"#;
    let aws = Aws::answering([Ok((200, consumed))]);
    let get = client(&aws).get_item().table_name("read").key("id", key()).consistent_read(true);
    get.projection_expression("#id, stock").send().await.unwrap();

    assert_eq!(aws.requests()[0]["ReturnConsumedCapacity"], "TOTAL");
    let span = recorded.span();
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

    let point = recorded.point(DURATION, "db.collection.name", "read");
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
async fn a_query_tells_how_it_reads() {
    let recorded = Recorded::start();
    let aws = Aws::answering([Ok((200, r#"{"Items":[],"Count":0}"#))]);
    let query = client(&aws).query().table_name("queried").index_name("by_user").limit(20).scan_index_forward(false);
    let query = query.select(Select::AllAttributes).key_condition_expression("id = :id");
    query.expression_attribute_values(":id", key()).send().await.unwrap();

    let found = attributes(&recorded.span());
    for (name, value) in [
        ("aws.dynamodb.index_name", "by_user"),
        ("aws.dynamodb.limit", "20"),
        ("aws.dynamodb.scan_forward", "false"),
        ("aws.dynamodb.select", "ALL_ATTRIBUTES"),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!found.contains_key("aws.dynamodb.consumed_capacity"), "the answer does not say it");
    assert!(!found.values().any(|value| value.contains("a-key")), "{found:?}");
}

#[tokio::test]
async fn a_transaction_tells_each_table_and_what_it_consumed() {
    let recorded = Recorded::start();
    let consumed = r#"{"ConsumedCapacity":[{"TableName":"a"},{"TableName":"b"}]}"#;
    let aws = Aws::answering([Ok((200, consumed))]);
    let put = || Put::builder().table_name("b").item("id", key()).build().unwrap();
    let delete = Delete::builder().table_name("a").key("id", key()).build().unwrap();
    let writes = [
        TransactWriteItem::builder().put(put()).build(),
        TransactWriteItem::builder().delete(delete).build(),
        TransactWriteItem::builder().put(put()).build(),
    ];
    client(&aws).transact_write_items().set_transact_items(Some(writes.into())).send().await.unwrap();

    let found = attributes(&recorded.span());
    assert_eq!(found["aws.dynamodb.table_names"], "a b");
    assert_eq!(found["aws.dynamodb.consumed_capacity"], r#"{"TableName":"a"} {"TableName":"b"}"#);
    let point = recorded.point(DURATION, "db.operation.name", "TransactWriteItems");
    assert!(!point.attributes.contains_key("db.collection.name"), "it has more than one");
}

#[tokio::test]
async fn who_asks_for_more_than_the_capacity_in_total_gets_it() {
    let _recorded = Recorded::start();
    let aws = Aws::answering([Ok((200, "{}"))]);
    let put = client(&aws).put_item().table_name("t").item("id", key());
    put.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await.unwrap();
    assert_eq!(aws.requests()[0]["ReturnConsumedCapacity"], "INDEXES");
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_an_answer() {
    let recorded = Recorded::start();
    let answer = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    let aws = Aws::answering([Ok((400, answer))]);
    client(&aws).put_item().table_name("conditional").item("id", key()).send().await.unwrap_err();

    let span = recorded.span();
    assert_eq!(span.status, Status::Unset);
    assert_eq!(attributes(&span)["db.response.status_code"], "ConditionalCheckFailedException");
    let point = recorded.point(DURATION, "db.collection.name", "conditional");
    assert_eq!(point.attributes["db.response.status_code"], "ConditionalCheckFailedException");
    assert!(!point.attributes.contains_key("error.type") && !attributes(&span).contains_key("error.type"));
}

#[tokio::test]
async fn an_error_has_one_type_on_the_span_and_on_the_metric() {
    let cases: [(&str, Answer, &str); 4] = [
        ("refused", Ok((400, r#"{"__type":"aws#ResourceNotFoundException"}"#)), "ResourceNotFoundException"),
        ("broken", Ok((400, "<html>")), "_OTHER"),
        ("late", Err(|| ConnectorError::timeout("late".into())), "timeout"),
        ("away", Err(|| ConnectorError::io("away".into())), "connect"),
    ];
    for (table, answer, error_type) in cases {
        let recorded = Recorded::start();
        let aws = Aws::answering([answer, answer]);
        client(&aws).put_item().table_name(table).item("id", key()).send().await.unwrap_err();

        let span = recorded.span();
        assert_eq!(span.status, Status::error(""), "{table}");
        assert_eq!(attributes(&span)["error.type"], error_type);
        let point = recorded.point(DURATION, "db.collection.name", table);
        assert_eq!((point.attributes["error.type"].as_str(), point.count), (error_type, 1));
    }
}

#[tokio::test]
async fn what_a_retry_made_good_is_one_call_and_no_error() {
    let recorded = Recorded::start();
    let throttled = r#"{"__type":"aws#ThrottlingException"}"#;
    let aws = Aws::answering([Ok((400, throttled)), Ok((200, "{}"))]);
    client(&aws).put_item().table_name("retried").item("id", key()).send().await.unwrap();

    assert_eq!(aws.requests().len(), 2);
    let span = recorded.span();
    assert_eq!(span.status, Status::Unset);
    assert_eq!(attributes(&span)["http.response.status_code"], "200");
    let point = recorded.point(DURATION, "db.collection.name", "retried");
    assert!(!point.attributes.contains_key("error.type") && point.count == 1, "{point:?}");
}
