//! Creates a template's tables and queues in the emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use serde_json::Value;

use crate::scope::{Scope, references};
use crate::{Local, Template, queue, table};

/// All of it takes well under a second; an emulator that hangs should be an error and not a hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// The account of an emulator whose answers carry no ARN.
const EMULATED_ACCOUNT: &str = "000000000000";

/// What exists in the emulator, by logical id.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// The region that everything is in.
    pub region: String,
    /// The twelve digits of the emulator's account.
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
    /// The URL under which the emulator serves it.
    pub url: String,
    /// Its ARN.
    pub arn: String,
}

impl Resources {
    /// The ARN that a function would have on AWS.
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account_id)
    }

    /// The ARN that the role of a function of this name has in the emulated account, where nobody acts by it.
    pub(crate) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account_id)
    }
}

impl Template {
    /// Creates every table and queue, and returns once all of them can be used. What exists already stays as it is.
    ///
    /// # Errors
    /// Names the resource, and the property if it is one that is not known here; an existing table or queue that differs
    /// from the template is an error too.
    pub async fn provision(&self, sdk_config: &SdkConfig) -> Result<Resources> {
        tokio::time::timeout(DEADLINE, self.create_all(sdk_config))
            .await
            .with_context(|| format!("the emulator did not create all tables and queues in {DEADLINE:?}"))?
    }

    /// Creates every table and no queue: for tests of stores, against an emulator that has DynamoDB alone.
    ///
    /// # Errors
    /// As [`Template::provision`].
    pub async fn provision_tables(&self, sdk_config: &SdkConfig) -> Result<Resources> {
        let region = sdk_config.region().context("the AWS configuration has no region")?;
        let mut resources =
            Resources { region: region.to_string(), account_id: EMULATED_ACCOUNT.into(), ..Resources::default() };

        let dynamodb = aws_sdk_dynamodb::Client::new(sdk_config);
        for (id, properties) in self.resources_of("AWS::DynamoDB::Table") {
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
        let mut waiting: BTreeMap<&str, &Value> = self.resources_of("AWS::SQS::Queue").collect();
        while !waiting.is_empty() {
            let ready: Vec<&str> = waiting
                .iter()
                .filter(|(_, properties)| !references(properties).iter().any(|id| waiting.contains_key(id)))
                .map(|(id, _)| *id)
                .collect();
            if ready.is_empty() {
                bail!("queues refer to each other in a circle: {:?}", waiting.keys());
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
        let scope = Scope { template: self, resources, local: &Local::default() };
        scope.resolve(properties)
    }
}
