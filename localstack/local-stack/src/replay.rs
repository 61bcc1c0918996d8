//! `local-stack replay-parked`: invokes notification again with each Kafka record that it has parked, on the local stack or on
//! AWS. A record that is handled now is removed from the queue; one that still can't be read stays there.
//!
//! Repeating it is safe: notification-delivery drops an event that it has delivered, by the event's id.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use chassis::client::{Connector, Service};
use clap::Args;
use http::Method;
use serde_json::Value;

use crate::Config;

/// Longer than the function's timeout, and the emulator's addition to it.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(40);

/// How long a received message stays invisible: longer than the invocations of one batch take.
const VISIBILITY_SECONDS: i32 = 600;

/// Where the parked records are.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    config: Config,

    /// The name of the notification function on AWS. The region and the credentials are read from the AWS_* variables. Without
    /// this option, the records of the local stack that is running are replayed.
    #[arg(long, env = "NOTIFICATION_FUNCTION", value_name = "NAME")]
    function: Option<String>,
}

impl Replay {
    /// Replays every record that is in the queue, and prints what became of it.
    ///
    /// # Errors
    /// When the queue or the function can't be reached, or a record is still in the queue at the end.
    pub async fn run(self) -> Result<()> {
        let template = crate::template()?;
        let names = template.queue_names()?;
        let queue = names.get("NotificationParkedQueue").context("template.yaml has no NotificationParkedQueue")?;
        let (sdk_config, lambda, function) = match self.function {
            Some(function) => {
                let sdk_config = chassis::aws::sdk_config().await?;
                let region = sdk_config.region().context("AWS_REGION is not set")?;
                let url = format!("https://lambda.{region}.amazonaws.com/");
                let lambda = Connector::signed(&sdk_config)?.service("Lambda", url.parse()?);
                (sdk_config, lambda, function)
            }
            None => {
                let endpoints = self.config.endpoints();
                let lambda = Connector::unsigned()?.service("the local stack", endpoints.api_url.parse()?);
                (endpoints.sdk_config(), lambda, "notification".to_owned())
            }
        };
        let (replayed, left) = replay(&sdk_config, &lambda.with_timeout(INVOKE_TIMEOUT), &function, queue).await?;
        anstream::println!("{replayed} parked records were handled, {left} are still in the queue");
        if left > 0 {
            bail!("{function} can't read {left} of the parked records yet");
        }
        Ok(())
    }
}

/// Invokes the function with every message of the queue; returns how many were handled, and how many were not.
///
/// # Errors
/// When the queue or the function can't be reached. No message is lost.
pub async fn replay(sdk_config: &SdkConfig, lambda: &Service, function: &str, queue: &str) -> Result<(usize, usize)> {
    let sqs = Client::new(sdk_config);
    let url = sqs.get_queue_url().queue_name(queue).send().await;
    let url = url.with_context(|| format!("cannot find the queue {queue}"))?;
    let url = url.queue_url().context("the queue has no URL")?;
    let (mut seen, mut unread) = (HashSet::new(), Vec::new());
    let mut replayed = 0;
    let result = loop {
        let receive = sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(1);
        let received = receive.visibility_timeout(VISIBILITY_SECONDS).send().await;
        let messages = received.context("cannot receive from the queue")?.messages.unwrap_or_default();
        // A message that comes again has been invisible for as long as this run may take.
        let new = messages.into_iter().filter(|message| seen.insert(message.message_id.clone())).collect::<Vec<_>>();
        if new.is_empty() {
            break Ok(());
        }
        match handle_batch(&sqs, url, lambda, function, new, &mut unread).await {
            Ok(handled) => replayed += handled,
            Err(error) => break Err(error),
        }
    };
    // At once visible for the next replay.
    for message in &unread {
        let visible = sqs.change_message_visibility().queue_url(url).visibility_timeout(0);
        _ = visible.set_receipt_handle(message.receipt_handle.clone()).send().await;
    }
    result.map(|()| (replayed, unread.len()))
}

/// Returns how many of the messages were handled. The others are added to `unread`.
async fn handle_batch(
    sqs: &Client,
    url: &str,
    lambda: &Service,
    function: &str,
    messages: Vec<Message>,
    unread: &mut Vec<Message>,
) -> Result<usize> {
    let (mut handled, mut failed) = (0, None);
    for message in messages {
        let event: Value = serde_json::from_str(message.body().unwrap_or_default()).unwrap_or_default();
        let position = position(&event);
        if failed.is_some() {
            unread.push(message);
            continue;
        }
        match invoke(lambda, function, &event).await {
            Ok(true) => {
                let delete = sqs.delete_message().queue_url(url).set_receipt_handle(message.receipt_handle.clone());
                delete.send().await.context("cannot remove a message from the queue")?;
                anstream::println!("{position}: handled");
                handled += 1;
            }
            Ok(false) => {
                let reason = event["parked"]["reason"].as_str().unwrap_or("no reason is given");
                anstream::println!("{position}: not handled (it was parked because of: {reason})");
                unread.push(message);
            }
            Err(error) => {
                failed = Some(error);
                unread.push(message);
            }
        }
    }
    failed.map_or(Ok(handled), Err)
}

/// Invokes the function. Returns whether it has handled the record of the event.
async fn invoke(lambda: &Service, function: &str, event: &Value) -> Result<bool> {
    let path = format!("2015-03-31/functions/{function}/invocations");
    let template = "/2015-03-31/functions/{function}/invocations";
    let response = lambda.send(Method::POST, &path, template, Some(event)).await?;
    let body = String::from_utf8_lossy(response.body());
    if !response.status().is_success() {
        bail!("{function} was not invoked ({}): {body}", response.status());
    }
    if response.headers().contains_key("x-amz-function-error") {
        return Ok(false);
    }
    let answer: Value = serde_json::from_str(&body).with_context(|| format!("{function} answered {body}"))?;
    Ok(answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty))
}

/// Where the topic has the record: `{topic}-{partition}@{offset}`.
fn position(event: &Value) -> String {
    let record = event["records"].as_object().and_then(|records| records.iter().next());
    record.map_or_else(
        || "a message without a record".to_owned(),
        |(name, records)| format!("{name}@{}", records[0]["offset"]),
    )
}
