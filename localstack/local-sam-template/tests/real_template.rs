//! `template.yaml`, read and provisioned as the local stack does it.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use dynoxide::Database;
use local_sam_template::{Deployment, EventSource, Queue, Resources, Template, Trigger};

/// Starts a DynamoDB emulator in this process; returns the SDK configuration that reaches it.
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

/// A file of the repository, by its path from the root.
fn repository_file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn real() -> Template {
    Template::parse(&repository_file("template.yaml")).unwrap()
}

/// The tables, and the queues as an emulator of SQS would have created them: this one has DynamoDB only.
async fn resources(template: &Template) -> Resources {
    let mut resources = template.provision_tables(&emulator().await).await.unwrap();
    for (id, name) in template.queue_names().unwrap() {
        let (url, arn) = (format!("http://sqs/{name}"), format!("arn:aws:sqs:::{name}"));
        resources.queues.insert(id, Queue { name, url, arn });
    }
    resources
}

fn deployment() -> Deployment {
    let value = |name: &str| (name.to_owned(), format!("value-of-{name}"));
    Deployment {
        lambda_url: "http://127.0.0.1:9000".into(),
        parameters: ["JwtIssuer", "JwksUrl", "MskClusterArn", "OtlpBackendEndpoint", "PaymentTokenKeys"]
            .map(value)
            .into(),
    }
}

#[tokio::test]
async fn every_table_is_created_once_and_kept() {
    let sdk_config = emulator().await;
    let template = real();
    let first = template.provision_tables(&sdk_config).await.unwrap();
    let second = template.provision_tables(&sdk_config).await.unwrap();
    assert_eq!(first.tables, second.tables);
    assert_eq!(first.account_id.len(), 12);

    let created: BTreeMap<_, _> = first.tables.iter().map(|(id, table)| (id.clone(), table.name.clone())).collect();
    assert_eq!(created, template.table_names().unwrap());
    assert!(created.contains_key("OrdersTable"), "{created:?}");
    assert!(first.tables["OrdersTable"].stream_arn.is_some());

    let client = aws_sdk_dynamodb::Client::new(&sdk_config);
    let orders =
        client.describe_table().table_name(&first.tables["OrdersTable"].name).send().await.unwrap().table.unwrap();
    assert_eq!(orders.key_schema().len(), 1);
    assert_eq!(orders.global_secondary_indexes()[0].index_name(), Some("unfinished"));
}

#[tokio::test]
async fn existing_table_that_differs_from_the_template_is_an_error() {
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
async fn every_function_gets_its_environment_and_event_sources() {
    let template = real();
    let resources = resources(&template).await;
    let functions = template.functions(&resources, &deployment()).unwrap();
    let declared = template.declared_functions().unwrap();
    assert_eq!(
        functions.iter().map(|function| &function.name).collect::<Vec<_>>(),
        declared.iter().map(|function| &function.name).collect::<Vec<_>>(),
    );
    for (function, declared) in functions.iter().zip(&declared) {
        assert_eq!(function.environment["OTEL_SERVICE_NAME"], declared.service_name, "{}", function.name);
        assert_eq!(function.memory_mb, declared.memory_mb, "{}", function.name);
    }

    let by_name = |name: &str| functions.iter().find(|function| function.name == name).unwrap();
    let gateway = by_name("gateway");
    assert_eq!(gateway.environment["ORDER_URL"], "http://127.0.0.1:9000/lambda-url/order/");
    assert_eq!(gateway.environment["JWT_ISSUER"], "value-of-JwtIssuer");
    assert!(
        gateway.environment.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "the globals are part of every function's environment"
    );
    assert!(gateway.event_sources.iter().all(|source| matches!(source, EventSource::HttpApi { .. })));
    assert_eq!(by_name("order").environment["ORDERS_TABLE"], resources.tables["OrdersTable"].name);
    let gateway_role = format!("arn:aws:iam::{}:role/gateway", resources.account_id);
    assert_eq!(by_name("order").environment["ALLOWED_CALLERS"], gateway_role);

    let [EventSource::DynamoDb(relay)] = by_name("order-relay").event_sources.as_slice() else {
        panic!("order-relay has one event source, a stream")
    };
    assert_eq!(Some(&relay.stream_arn), resources.tables["OrdersTable"].stream_arn.as_ref());
    assert!(relay.retries.report_batch_item_failures);
    assert_eq!(relay.retries.maximum_retry_attempts, None, "-1 means no limit");
    let [EventSource::Kafka(kafka)] = by_name("notification").event_sources.as_slice() else {
        panic!("notification has one event source, Kafka")
    };
    assert_eq!(kafka.topics, ["order-notifications"]);
    assert_eq!(kafka.batching_window, Duration::ZERO);
    assert_eq!(kafka.retries.maximum_retry_attempts, None, "retried for as long as the topic keeps the record");
    let [EventSource::Sqs(sqs)] = by_name("notification-delivery").event_sources.as_slice() else {
        panic!("notification-delivery has one event source, a queue")
    };
    assert_eq!(sqs.queue, resources.queues["NotificationJobsQueue"]);
}

#[test]
fn declared_functions_have_their_names_services_and_triggers() {
    let functions = real().declared_functions().unwrap();
    let expect = |name: &str, logical_id: &str, triggers: &[Trigger]| {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        assert_eq!((function.logical_id.as_str(), function.service_name.as_str()), (logical_id, name));
        assert_eq!(function.triggers, triggers.iter().copied().collect::<BTreeSet<_>>(), "{name}");
    };
    expect("gateway", "GatewayFunction", &[Trigger::Http]);
    expect("order", "OrderFunction", &[Trigger::Http]);
    expect("order-relay", "OrderRelayFunction", &[Trigger::DynamoDb]);
    expect("order-recovery", "OrderRecoveryFunction", &[Trigger::Schedule]);
    expect("notification", "NotificationFunction", &[Trigger::Kafka]);
    expect("notification-delivery", "NotificationDeliveryFunction", &[Trigger::Sqs]);
    assert_eq!(real().kafka_topics().unwrap(), ["order-notifications".to_owned()].into());
    let order = functions.iter().find(|function| function.name == "order").unwrap();
    for reference in ["GatewayFunctionRole", "InventoryFunctionUrl", "OrdersTable", "PaymentTokenKeys"] {
        assert!(order.references.contains(reference), "{reference}: {:?}", order.references);
    }
}

#[test]
fn names_are_known_before_anything_is_created() {
    let text = "Resources:\n  \
                Jobs: {Type: 'AWS::SQS::Queue', Properties: {FifoQueue: true}}\n  \
                Mail: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub '${AWS::StackName}-mail'}}\n  \
                Orders: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: orders}}\n  \
                Plain: {Type: 'AWS::DynamoDB::Table'}\n";
    let template = Template::parse(text).unwrap();
    let names = |pairs: [(&str, &str); 2]| pairs.map(|(id, name)| (id.to_owned(), name.to_owned())).into();
    assert_eq!(template.queue_names().unwrap(), names([("Jobs", "Jobs.fifo"), ("Mail", "local-mail")]));
    assert_eq!(template.table_names().unwrap(), names([("Orders", "orders"), ("Plain", "Plain")]));
}

/// The Lambda emulator reads its routes from Cargo.toml: they must be those that the template gives the API.
#[tokio::test]
async fn emulator_router_sends_every_path_to_the_function_behind_the_api() {
    let template = real();
    let functions = template.functions(&resources(&template).await, &deployment()).unwrap();
    let routes: Vec<_> = functions
        .iter()
        .flat_map(|function| function.event_sources.iter().map(|source| (function.name.as_str(), source)))
        .filter(|(_, source)| matches!(source, EventSource::HttpApi { .. }))
        .collect();
    let all = EventSource::HttpApi { method: "ANY".to_owned(), path: "$default".to_owned() };
    let [(function, source)] = routes.as_slice() else { panic!("the API has more than one route: {routes:?}") };
    assert_eq!(**source, all);
    let router = format!(
        "[workspace.metadata.lambda.watch.router]\n\"/\" = \"{function}\"\n\"/{{*path}}\" = \"{function}\"\n\n"
    );
    assert!(repository_file("Cargo.toml").contains(&router), "Cargo.toml must contain:\n{router}");
}

#[test]
fn unresolvable_value_is_an_error_that_names_it() {
    let function = |properties: &str| {
        let text = format!(
            "Parameters: {{Wanted: {{Type: String}}}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
             Metadata: {{BuildProperties: {{Binary: f}}}}\n    Properties: {{{properties}}}\n"
        );
        Template::parse(&text).unwrap().functions(&Resources::default(), &Deployment::default())
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
fn unsupported_table_property_is_an_error_that_names_it() {
    let text = "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties: {ProvisionedThroughput: {}}\n";
    let template = Template::parse(text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async { template.provision(&emulator().await).await.unwrap_err() });
    let error = format!("{error:#}");
    assert!(error.starts_with("T: ") && error.contains("ProvisionedThroughput"), "{error}");
}
