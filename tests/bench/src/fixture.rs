//! The parts that all measured processes share: an emulated DynamoDB with a product, collectors, environment variables.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use local_stack::{root, sample_products};
use test_dynamodb::TestDynamoDb;
use tokio::net::TcpSocket;

use crate::collector::{self, Collector};

/// The measured function. Reading a product is the shortest request in the system, with a single DynamoDB call, so that
/// the relative cost of telemetry is highest.
pub(crate) const FUNCTION: &str = "inventory";

/// Shared by all variants.
pub(crate) struct Fixture {
    /// The environment variables of every variant.
    pub(crate) environment: BTreeMap<String, String>,
    /// The event of every invocation.
    pub(crate) event: Bytes,
    pub(crate) collector: Collector,
    /// The URL of a collector that never responds.
    pub(crate) hanging: String,
    /// The URL of a collector that is down, and the socket that reserves its port.
    pub(crate) down: (String, TcpSocket),
}

impl Fixture {
    pub(crate) async fn start() -> Result<Self> {
        let dynamodb = TestDynamoDb::start().await?;
        let table = dynamodb.table("InventoryTable")?;
        sample_products::seed(&dynamodb.client, &table).await?;

        let mut environment = template_settings()?;
        let variables = [
            ("INVENTORY_TABLE", table.as_str()),
            ("OTEL_SERVICE_NAME", FUNCTION),
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("AWS_ENDPOINT_URL", &dynamodb.endpoint_url),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/inventory"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[1]0123456789abcdef0123456789abcdef"),
        ];
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self {
            environment,
            event: std::fs::read(root().join("events/inventory.json"))?.into(),
            collector: Collector::start().await?,
            hanging: collector::hanging().await?,
            down: collector::down()?,
        })
    }
}

/// The telemetry settings that template.yaml gives every function.
fn template_settings() -> Result<BTreeMap<String, String>> {
    let template = local_sam_template::read_yaml(&root().join("template.yaml"))?;
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object();
    let variables = variables.context("template.yaml has no environment variables for all functions")?.iter();
    let literals = variables.filter_map(|(name, value)| Some((name, value.as_str()?)));
    let settings = literals.filter(|(name, _)| name.starts_with("OTEL_"));
    Ok(settings.map(|(name, value)| (name.clone(), value.to_owned())).collect())
}
