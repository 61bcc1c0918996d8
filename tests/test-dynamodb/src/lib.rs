//! An emulated DynamoDB for one test, with the tables of `template.yaml`. It runs in the test's process and ends with
//! it; the SDK reaches it over HTTP, as it reaches AWS.

use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use local_sam_template::{Resources, Template};
use tokio::net::TcpListener;

/// An emulated DynamoDB with the tables of `template.yaml`.
pub struct TestDynamoDb {
    /// A client for it.
    pub client: Client,
    /// Its URL, for the `AWS_ENDPOINT_URL` of another process.
    pub endpoint_url: String,
    resources: Resources,
}

impl TestDynamoDb {
    /// Starts the emulator on a free port, in the test's runtime, and creates the tables.
    pub async fn start() -> anyhow::Result<Self> {
        let database = dynoxide::Database::memory()
            .map_err(|error| anyhow::anyhow!("cannot start the emulated DynamoDB: {error}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let config = sdk_config(&endpoint_url);
        tokio::spawn(dynoxide::server::serve_on(listener, database));

        let template = Template::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml"))?;
        let resources = template.provision_tables(&config).await?;
        Ok(Self { client: Client::new(&config), endpoint_url, resources })
    }

    /// The name of the table with this logical id in the template.
    pub fn table(&self, logical_id: &str) -> anyhow::Result<String> {
        let table = self.resources.tables.get(logical_id);
        table.map(|table| table.name.clone()).ok_or_else(|| anyhow::anyhow!("the template has no table {logical_id}"))
    }
}

fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
