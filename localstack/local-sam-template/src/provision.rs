//! Creates the template's tables and queues in the emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use serde_json::Value;

use crate::intrinsics::{Resolver, references};
use crate::{Deployment, Template, queue, table};

/// Longest time for creating everything, which normally takes less than a second: an emulator that hangs becomes an
/// error.
const DEADLINE: Duration = Duration::from_secs(60);

/// The account id when the emulator's responses have no ARN to read it from.
const EMULATED_ACCOUNT: &str = "000000000000";

/// The tables and queues in the emulator, by logical id.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// The region of all of them.
    pub region: String,
    /// The emulator's account id, 12 digits.
    pub account_id: String,
    /// Every `AWS::DynamoDB::Table`.
    pub tables: BTreeMap<String, Table>,
    /// Every `AWS::SQS::Queue`.
    pub queues: BTreeMap<String, Queue>,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its `TableName`, or else its logical id.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The ARN of its stream, if it has one.
    pub stream_arn: Option<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its `QueueName`, or else its logical id.
    pub name: String,
    /// Its URL in the emulator.
    pub url: String,
    /// Its ARN.
    pub arn: String,
}

impl Resources {
    /// The ARN of a function in the emulated account.
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account_id)
    }

    /// The ARN of a function's role. The emulators have no roles, but environment variables refer to them.
    pub(crate) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account_id)
    }
}

impl Template {
    /// Creates every table and queue, and returns once all of them can be used. Tables and queues that already exist
    /// are kept; such a queue gets the template's attributes.
    ///
    /// # Errors
    /// Names the resource, and the property if this crate does not support it. An existing table that differs
    /// from the template is an error too.
    pub async fn provision(&self, sdk_config: &SdkConfig) -> Result<Resources> {
        tokio::time::timeout(DEADLINE, self.create_all(sdk_config))
            .await
            .with_context(|| format!("the emulator did not create all tables and queues in {DEADLINE:?}"))?
    }

    /// Creates the tables only: for tests whose emulator has DynamoDB and no SQS.
    ///
    /// # Errors
    /// As [`Template::provision`].
    pub async fn provision_tables(&self, sdk_config: &SdkConfig) -> Result<Resources> {
        let region = sdk_config.region().context("the AWS configuration has no region")?;
        let mut resources =
            Resources { region: region.to_string(), account_id: EMULATED_ACCOUNT.into(), ..Resources::default() };

        let dynamodb = aws_sdk_dynamodb::Client::new(sdk_config);
        for (id, properties) in self.resources_of(table::TYPE) {
            let properties = self.resolved(properties, &resources).with_context(|| id.to_owned())?;
            let table = table::create(&dynamodb, id, properties).await.with_context(|| id.to_owned())?;
            resources.account_id = table.arn.split(':').nth(4).unwrap_or(EMULATED_ACCOUNT).to_owned();
            resources.tables.insert(id.to_owned(), table);
        }
        Ok(resources)
    }

    async fn create_all(&self, sdk_config: &SdkConfig) -> Result<Resources> {
        let mut resources = self.provision_tables(sdk_config).await?;
        let sqs = aws_sdk_sqs::Client::new(sdk_config);
        let mut waiting: BTreeMap<&str, &Value> = self.resources_of(queue::TYPE).collect();
        while !waiting.is_empty() {
            let ready: Vec<&str> = waiting
                .iter()
                .filter(|(_, properties)| !references(properties).iter().any(|id| waiting.contains_key(id)))
                .map(|(id, _)| *id)
                .collect();
            if ready.is_empty() {
                bail!("these queues refer to each other in a cycle: {:?}", waiting.keys());
            }
            for id in ready {
                let properties = waiting.remove(id).unwrap_or(&Value::Null);
                let properties = self.resolved(properties, &resources).with_context(|| id.to_owned())?;
                let queue = queue::create(&sqs, id, properties).await.with_context(|| id.to_owned())?;
                resources.queues.insert(id.to_owned(), queue);
            }
        }
        Ok(resources)
    }

    fn resolved(&self, properties: &Value, resources: &Resources) -> Result<Value> {
        Resolver { template: self, resources, deployment: &Deployment::default() }.resolve(properties)
    }
}
