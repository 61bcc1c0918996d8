//! The project's own template, read and provisioned as the local stack does it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use dynoxide::Database;
use local_sam_template::{EventSource, Local, Queue, Resources, Template};

/// A DynamoDB in this process, and the configuration that reaches it.
async fn emulator() -> SdkConfig {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .endpoint_url(endpoint)
        .build()
}

fn real() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")).unwrap()
}

/// The real template without its queues, which the DynamoDB emulator cannot make.
fn tables_only() -> Template {
    Template::parse(&real().replace("AWS::SQS::Queue", "AWS::SQS::Elsewhere")).unwrap()
}

/// Adds queues as an emulator would have made them.
fn with_queues(mut resources: Resources) -> Resources {
    for (id, name) in [
        ("NotificationJobsQueue", "notification-jobs"),
        ("NotificationFailedQueue", "order-notifications-failed"),
        ("OrderRelayFailedQueue", "order-relay-failed"),
    ] {
        let queue =
            Queue { name: name.into(), url: format!("http://sqs/{name}"), arn: format!("arn:aws:sqs:::{name}") };
        resources.queues.insert(id.into(), queue);
    }
    resources
}

fn local() -> Local {
    let value = |name: &str| (name.to_owned(), format!("value-of-{name}"));
    Local {
        lambda_url: "http://127.0.0.1:9000".into(),
        parameters: ["JwtIssuer", "JwksUrl", "MskClusterArn", "OtlpBackendEndpoint"].map(value).into(),
    }
}

#[tokio::test]
async fn every_table_is_created_once_and_kept() {
    let sdk_config = emulator().await;
    let template = tables_only();
    let first = template.provision(&sdk_config).await.unwrap();
    let second = template.provision(&sdk_config).await.unwrap();
    assert_eq!(first.tables, second.tables);
    assert_eq!(first.account_id.len(), 12);

    let tables: BTreeSet<&str> = first.tables.keys().map(String::as_str).collect();
    assert!(tables.is_superset(&["InventoryTable", "NotificationsTable", "OrdersTable", "PaymentsTable"].into()));
    assert!(first.tables["OrdersTable"].stream_arn.is_some());

    let client = aws_sdk_dynamodb::Client::new(&sdk_config);
    let orders =
        client.describe_table().table_name(&first.tables["OrdersTable"].name).send().await.unwrap().table.unwrap();
    assert_eq!(orders.key_schema().len(), 1);
    assert_eq!(orders.global_secondary_indexes()[0].index_name(), Some("unfinished"));
}

#[tokio::test]
async fn a_table_that_differs_from_the_template_is_an_error() {
    let sdk_config = emulator().await;
    let table = |key: &str, view: &str| {
        let text = format!(
            "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: !Sub \"${{AWS::StackName}}-t\"\n      \
             BillingMode: PAY_PER_REQUEST\n      AttributeDefinitions: [{{AttributeName: {key}, AttributeType: S}}]\n      \
             KeySchema: [{{AttributeName: {key}, KeyType: HASH}}]\n      StreamSpecification: {{StreamViewType: {view}}}\n      \
             TimeToLiveSpecification: {{AttributeName: expires, Enabled: true}}\n      Tags: []\n"
        );
        Template::parse(&text).unwrap()
    };
    let resources = table("id", "NEW_IMAGE").provision(&sdk_config).await.unwrap();
    assert_eq!(resources.tables["T"].name, "local-t");
    table("id", "NEW_IMAGE").provision(&sdk_config).await.unwrap();
    for changed in [table("other", "NEW_IMAGE"), table("id", "KEYS_ONLY")] {
        let error = changed.provision(&sdk_config).await.unwrap_err();
        assert!(format!("{error:#}").contains("exists already"), "{error:#}");
    }
}

#[tokio::test]
async fn every_function_of_the_real_template_is_understood() {
    let resources = with_queues(tables_only().provision(&emulator().await).await.unwrap());
    let functions = Template::parse(&real()).unwrap().functions(&resources, &local()).unwrap();
    let names: BTreeSet<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let expected = [
        "gateway",
        "inventory",
        "notification",
        "notification-delivery",
        "order",
        "order-recovery",
        "order-relay",
        "payment",
    ];
    assert!(names.is_superset(&expected.into()), "{names:?}");

    let by_name = |name: &str| functions.iter().find(|function| function.name == name).unwrap();
    let gateway = by_name("gateway");
    assert_eq!(gateway.environment["ORDER_URL"], "http://127.0.0.1:9000/lambda-url/order/");
    assert_eq!(gateway.environment["JWT_ISSUER"], "value-of-JwtIssuer");
    assert!(gateway.environment.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"), "the globals are merged in");
    assert!(gateway.event_sources.iter().all(|source| matches!(source, EventSource::HttpApi { .. })));
    assert_eq!(by_name("order").environment["ORDERS_TABLE"], resources.tables["OrdersTable"].name);
    let gateway_role = format!("arn:aws:iam::{}:role/gateway", resources.account_id);
    assert_eq!(by_name("order").environment["ALLOWED_CALLERS"], gateway_role);

    let [EventSource::DynamoDb(relay)] = by_name("order-relay").event_sources.as_slice() else {
        panic!("the relay reads one stream")
    };
    assert_eq!(Some(&relay.stream_arn), resources.tables["OrdersTable"].stream_arn.as_ref());
    assert!(relay.retries.report_batch_item_failures);
    assert_eq!(relay.retries.maximum_retry_attempts, None, "-1 is for ever");
    let [EventSource::Kafka(kafka)] = by_name("notification").event_sources.as_slice() else {
        panic!("notification reads Kafka")
    };
    assert_eq!(kafka.topics, ["order-notifications"]);
    assert_eq!(kafka.batching_window, Duration::ZERO);
    assert_eq!(kafka.retries.on_failure.as_ref(), Some(&resources.queues["NotificationFailedQueue"]));
    let [EventSource::Sqs(sqs)] = by_name("notification-delivery").event_sources.as_slice() else {
        panic!("delivery reads a queue")
    };
    assert_eq!(sqs.queue, resources.queues["NotificationJobsQueue"]);
}

#[test]
fn what_cannot_be_resolved_is_named() {
    let function = |properties: &str| {
        let text = format!(
            "Parameters: {{Wanted: {{Type: String}}}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
             Metadata: {{BuildProperties: {{Binary: f}}}}\n    Properties: {{{properties}}}\n"
        );
        Template::parse(&text).unwrap().functions(&Resources::default(), &Local::default())
    };
    assert_eq!(function("Timeout: 7").unwrap()[0].timeout, Duration::from_secs(7));
    for (properties, named) in [
        ("Environment: {Variables: {A: !Ref Wanted}}", "Wanted"),
        ("Environment: {Variables: {A: !Ref Nothing}}", "Nothing"),
        ("Environment: {Variables: {A: !GetAtt Other.Arn}}", "Other.Arn"),
        ("Environment: {Variables: {A: !ImportValue x}}", "ImportValue"),
        ("Events: {E: {Type: S3, Properties: {}}}", "S3"),
        ("Events: {E: {Type: HttpApi, Properties: {Path: /, Method: GET, Auth: {}}}}", "Auth"),
        ("Events: {E: {Type: SQS, Properties: {Queue: 'arn:aws:sqs:::x'}}}", "arn:aws:sqs:::x"),
    ] {
        let error = format!("{:#}", function(properties).unwrap_err());
        assert!(error.starts_with("F: ") && error.contains(named), "{properties}: {error}");
    }
}

#[test]
fn an_unknown_table_property_is_named() {
    let text = "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties: {ProvisionedThroughput: {}}\n";
    let template = Template::parse(text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async { template.provision(&emulator().await).await.unwrap_err() });
    let error = format!("{error:#}");
    assert!(error.starts_with("T: ") && error.contains("ProvisionedThroughput"), "{error}");
}
