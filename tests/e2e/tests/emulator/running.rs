//! `AWS_ENDPOINT_URL`: two stacks use the same running emulator, one after the other.

use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{Config, Endpoints, Stack, demo, root};

use crate::ministack::MiniStack;

#[tokio::test(flavor = "multi_thread")]
async fn running_emulator_is_used_again_and_left_running() -> Result<()> {
    let _turn = crate::TURN.lock().await;
    let dir = root().join(format!(".local/test-{}", std::process::id()));
    let config = Config::free_ports(&dir)?;
    // On the port that the stack's own emulator would have: the stack must not start one.
    let ministack = MiniStack::start(config.aws_port, dir.with_extension("ministack")).await?;
    let config = Config { aws_endpoint_url: Some(ministack.endpoint.clone()), ..config };

    let mut endpoints = None;
    for run in ["first", "second"] {
        let stack = Stack::start(config.clone()).await.with_context(|| format!("the {run} stack"))?;
        ensure!(!stack.starts_aws_emulator(), "the stack started an emulator of its own");
        let clients = Clients::new(stack.endpoints());
        endpoints = Some(stack.endpoints().clone());
        let queue = stack.resources().queues.get("NotificationJobsQueue").context("no NotificationJobsQueue")?;
        let timeout = clients.visibility_timeout(&queue.url).await?;
        ensure!(timeout == "180", "the queue has a timeout of {timeout}, not the template's");
        demo::run(&stack, false).await.with_context(|| format!("the {run} order"))?;
        // The next stack must use a queue whose attributes differ, and correct them.
        clients.set_visibility_timeout(&queue.url, "25").await?;
        stack.stop().await;
    }

    let clients = Clients::new(&endpoints.context("no stack ran")?);
    clients.dynamodb.delete_table().table_name("PaymentsTable").send().await?;
    clients.create_table("PaymentsTable", "other_key").await?;
    let Err(error) = Stack::start(config).await else { bail!("a stack used a table with another key") };
    let error = format!("{error:#}");
    ensure!(error.contains("the table PaymentsTable exists already with different"), "{error}");
    std::fs::remove_dir_all(dir)?;
    ministack.stop().await
}

/// Clients of the emulator that are not the stack's.
struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Clients {
    fn new(endpoints: &Endpoints) -> Self {
        let sdk_config = endpoints.sdk_config();
        Self { dynamodb: aws_sdk_dynamodb::Client::new(&sdk_config), sqs: aws_sdk_sqs::Client::new(&sdk_config) }
    }

    async fn create_table(&self, name: &str, key: &str) -> Result<()> {
        let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
        let create = self.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        create.attribute_definitions(attribute.build()?).key_schema(element.build()?).send().await?;
        Ok(())
    }

    async fn visibility_timeout(&self, queue: &str) -> Result<String> {
        let name = QueueAttributeName::VisibilityTimeout;
        let read = self.sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone()).send().await?;
        read.attributes.and_then(|mut attributes| attributes.remove(&name)).context("no VisibilityTimeout")
    }

    async fn set_visibility_timeout(&self, queue: &str, seconds: &str) -> Result<()> {
        let set = self.sqs.set_queue_attributes().queue_url(queue);
        set.attributes(QueueAttributeName::VisibilityTimeout, seconds).send().await?;
        Ok(())
    }
}
