//! The queue of notification jobs: at least once, in no order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use notification::{Store, sqs};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;
use wire::NotificationJob;

use crate::kernel::{Fault, Kernel};

/// The most messages that the function is given at once.
const BATCH: usize = 10;
/// How long a message that was given is hidden. The queue's own is longer, and would only take longer.
const HIDDEN: Duration = Duration::from_secs(40);

/// The messages.
#[derive(Clone, Default)]
pub(crate) struct Queue(Arc<Mutex<State>>, Arc<Notify>);

#[derive(Default)]
struct State {
    visible: Vec<Message>,
    hidden: usize,
    sent: u64,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
}

impl Queue {
    pub(crate) fn push(&self, job: &NotificationJob) {
        let body = serde_json::to_string(job).unwrap_or_default();
        let mut state = self.state();
        state.sent += 1;
        let id = state.sent.to_string();
        state.visible.push(Message { id, body });
        self.1.notify_one();
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.visible.is_empty() && state.hidden == 0
    }

    /// Gives messages to notification-delivery, for ever.
    pub(crate) async fn deliver(self, kernel: Kernel, store: Store) {
        loop {
            let messages = self.take(&kernel);
            if messages.is_empty() {
                self.1.notified().await;
                continue;
            }
            let (store, event) = (store.clone(), event(&messages));
            let Some(event) = event else { return kernel.violate("the queue's messages are an event", "they are not") };
            let handled = kernel.invoke("notification-delivery", async move { sqs::handle(&store, event).await }).await;
            let failed: Option<Vec<String>> = match handled {
                Some(Ok(response)) => {
                    Some(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
                }
                Some(Err(_)) | None => None,
            };
            for message in messages {
                let failed = failed.as_ref().is_none_or(|failed| failed.contains(&message.id));
                if failed || kernel.strikes(Fault::GivenAgain) {
                    self.clone().show_again(message);
                } else {
                    self.state().hidden -= 1;
                }
            }
        }
    }

    /// Some messages, which nobody else gets for now.
    fn take(&self, kernel: &Kernel) -> Vec<Message> {
        let mut state = self.state();
        let mut taken = Vec::new();
        while !state.visible.is_empty() && taken.len() < BATCH {
            let index = kernel.draw(|chance| chance.index(state.visible.len()));
            taken.push(state.visible.swap_remove(index));
        }
        state.hidden += taken.len();
        taken
    }

    fn show_again(self, message: Message) {
        tokio::spawn(async move {
            sleep(HIDDEN).await;
            let mut state = self.state();
            state.hidden -= 1;
            state.visible.push(message);
            self.1.notify_one();
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
