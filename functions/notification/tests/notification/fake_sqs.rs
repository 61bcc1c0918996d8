//! A fake SQS, which records every message and answers as the test wants.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use chassis::aws::{self, SdkConfig};
use notification::{JobQueue, ParkedQueue};
use serde_json::Value;
use wire::Channel;

#[derive(Debug, Clone, Default)]
pub(crate) struct FakeSqs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    accepted: Vec<Value>,
    is_away: bool,
    rejects: Option<&'static str>,
}

impl FakeSqs {
    /// Whether every request is answered with a 503 from now on.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }

    /// Rejects every message to the queue of jobs for its content.
    pub(crate) fn reject_jobs(&self) {
        self.0.lock().unwrap().rejects = Some("notification-jobs");
    }

    /// The accepted messages.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.0.lock().unwrap().accepted.clone()
    }

    /// The bodies of the accepted messages of a queue.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<Value> {
        let messages = self.messages();
        let messages = messages.iter().filter(|message| message["QueueUrl"].as_str().unwrap().ends_with(queue));
        messages.map(|message| serde_json::from_str(message["MessageBody"].as_str().unwrap()).unwrap()).collect()
    }

    /// The two queues that the notification function sends to.
    pub(crate) fn queues(&self) -> (JobQueue, ParkedQueue) {
        let connector = SharedHttpConnector::new(self.clone());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let url = |queue| format!("https://sqs.test/123456789012/{queue}");
        let client = aws::sqs(&config);
        let parked = ParkedQueue::new(client.clone(), url("order-notifications-parked"));
        (JobQueue::new(client, url("notification-jobs"), vec![Channel::Log]), parked)
    }
}

impl HttpConnector for FakeSqs {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.0.lock().unwrap();
        let message: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let is_rejected = state.rejects.is_some_and(|queue| message["QueueUrl"].as_str().unwrap().ends_with(queue));
        let (status, body) = if state.is_away {
            (503, r#"{"__type":"com.amazonaws.sqs#ServiceUnavailable"}"#)
        } else if is_rejected {
            (400, r#"{"__type":"com.amazonaws.sqs#InvalidMessageContents"}"#)
        } else {
            state.accepted.push(message);
            (200, r#"{"MessageId":"M1","MD5OfMessageBody":""}"#)
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}
