//! The queue of notification jobs and its event source mapping, which delivers to notification-delivery: at least once, in any
//! order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use notification::{Delivery, JobQueue, ParkedQueue, sqs};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;
use wire::Channel;

use crate::simulation::{Fault, Simulation, Target};
use crate::system::sdk::{self, AwsResponse, AwsService};

/// The most messages in one batch.
const BATCH: usize = 10;
/// How long a message that was delivered stays invisible. The real queue's timeout is longer, which would only take more time.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(40);

/// The queue of parked records. Nothing here is unreadable, so a message to it is an error, and its record is never handled.
const PARKED: &str = "http://aws/order-notifications-parked";

/// The messages that notification-delivery has not handled yet.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<State>>, Arc<Notify>);

#[derive(Default)]
struct State {
    visible: Vec<Message>,
    invisible: usize,
    last_id: u64,
}

#[derive(Debug, Clone)]
struct Message {
    id: String,
    body: String,
}

impl Queue {
    /// The queues that the notification function sends to: the jobs, and the records that it parks.
    pub(super) fn queues(&self, simulation: &Simulation) -> (JobQueue, ParkedQueue) {
        let config = aws_sdk_sqs::config::Builder::from(&sdk::config(simulation, self.clone()));
        let config = config.retry_partition(sdk::retry_partition()).allow_no_auth().build();
        let client = aws_sdk_sqs::Client::from_conf(config);
        let parked = ParkedQueue::new(client.clone(), PARKED.to_owned());
        (JobQueue::new(client, "http://aws/notification-jobs".to_owned(), vec![Channel::Log]), parked)
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.visible.is_empty() && state.invisible == 0
    }

    /// Delivers messages to notification-delivery; never returns.
    pub(super) async fn deliver(self, simulation: Simulation, delivery: Delivery) {
        loop {
            let messages = self.take_batch(&simulation);
            if messages.is_empty() {
                self.1.notified().await;
                continue;
            }
            let (delivery, event) = (delivery.clone(), event(&messages));
            let Some(event) = event else {
                return simulation.violate("the simulator builds a valid SQS event", format!("{messages:?}"));
            };
            let handled = async move { sqs::handle(&delivery, event).await };
            let failed: Option<Vec<String>> = match simulation.invoke("notification-delivery", handled).await {
                Some(Ok(response)) => {
                    Some(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
                }
                Some(Err(_)) | None => None,
            };
            for message in messages {
                let failed = failed.as_ref().is_none_or(|failed| failed.contains(&message.id));
                if failed || simulation.injects(Fault::Redelivery) {
                    self.clone().redeliver(message);
                } else {
                    self.state().invisible -= 1;
                }
            }
        }
    }

    /// Picks visible messages at random and makes them invisible.
    fn take_batch(&self, simulation: &Simulation) -> Vec<Message> {
        let mut state = self.state();
        let mut batch = Vec::new();
        while !state.visible.is_empty() && batch.len() < BATCH {
            let index = simulation.draw(|random| random.index(state.visible.len()));
            batch.push(state.visible.swap_remove(index));
        }
        state.invisible += batch.len();
        batch
    }

    fn redeliver(self, message: Message) {
        tokio::spawn(async move {
            sleep(VISIBILITY_TIMEOUT).await;
            let mut state = self.state();
            state.invisible -= 1;
            state.visible.push(message);
            self.1.notify_one();
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AwsService for Queue {
    const TARGET: Target = Target::Queue;

    fn call(&self, operation: &str, request: &[u8]) -> AwsResponse {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        let is_job = operation == "SendMessage" && request["QueueUrl"] != PARKED;
        let Some(body) = request["MessageBody"].as_str().filter(|_| is_job) else {
            return error_response(400, "InvalidAction");
        };
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id.to_string();
        state.visible.push(Message { id: id.clone(), body: body.to_owned() });
        self.1.notify_one();
        AwsResponse { status: 200, json: json!({ "MessageId": id }).to_string() }
    }

    fn transient_error(&self, _: &Simulation, _: &str, _: &[u8]) -> AwsResponse {
        error_response(503, "ServiceUnavailable")
    }
}

fn error_response(status: u16, name: &str) -> AwsResponse {
    AwsResponse { status, json: json!({ "__type": format!("com.amazonaws.sqs#{name}") }).to_string() }
}

fn event(messages: &[Message]) -> Option<SqsEvent> {
    let record = |message: &Message| {
        json!({
            "messageId": message.id, "receiptHandle": message.id, "body": message.body, "attributes": {},
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:notification-jobs",
        })
    };
    let records: Vec<_> = messages.iter().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).ok()
}
