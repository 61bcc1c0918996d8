//! A fake Lambda Runtime API: it sends the test's events to the function, and passes on the function's responses to the
//! test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::environment::TIMEOUT;
use crate::function::Event;

/// The ARN of the function.
pub(crate) const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:tested";

/// The test's side of the Runtime API.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedSender<(Event, SystemTime)>,
    responses: mpsc::UnboundedReceiver<PostedResponse>,
    polls: watch::Receiver<usize>,
}

/// A response that the function has posted. Its request is not answered before this is dropped.
pub(crate) struct PostedResponse {
    /// `response` or `error`.
    pub(crate) outcome: String,
    _acknowledge: oneshot::Sender<()>,
}

/// The server's side.
struct Server {
    events: Mutex<mpsc::UnboundedReceiver<(Event, SystemTime)>>,
    responses: mpsc::UnboundedSender<PostedResponse>,
    /// How many times the function has asked for the next invocation.
    polls: watch::Sender<usize>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (events, event_receiver) = mpsc::unbounded_channel();
        let (response_sender, responses) = mpsc::unbounded_channel();
        let (poll_sender, polls) = watch::channel(0);
        let server = Server { events: Mutex::new(event_receiver), responses: response_sender, polls: poll_sender };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(post_response))
            .with_state(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, events, responses, polls })
    }

    /// Queues an event for the function.
    pub(crate) fn send(&self, event: Event, deadline: SystemTime) {
        let _ = self.events.send((event, deadline));
    }

    /// Waits for the function's next response.
    pub(crate) async fn response(&mut self) -> anyhow::Result<PostedResponse> {
        timeout(TIMEOUT, self.responses.recv()).await.context("no response")?.context("the Runtime API has ended")
    }

    /// Waits until the function asks for its next invocation after `invocations` of them.
    pub(crate) async fn idle_after(&self, invocations: usize) -> anyhow::Result<()> {
        let mut polls = self.polls.clone();
        let idle = polls.wait_for(|polls| *polls > invocations);
        timeout(TIMEOUT, idle).await.context("the function does not ask for its next invocation")??;
        Ok(())
    }
}

async fn next_invocation(State(server): State<Arc<Server>>) -> Response {
    server.polls.send_modify(|polls| *polls += 1);
    let Some((event, deadline)) = server.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", "r-1".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", ARN.to_owned()),
        (
            "lambda-runtime-trace-id",
            "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1".into(),
        ),
    ];
    (headers, Json(event)).into_response()
}

async fn post_response(State(server): State<Arc<Server>>, Path((_, outcome)): Path<(String, String)>) -> StatusCode {
    let (_acknowledge, acknowledged) = oneshot::channel();
    let _ = server.responses.send(PostedResponse { outcome, _acknowledge });
    // Returns, with an error, when the test drops the response.
    let _ = acknowledged.await;
    StatusCode::ACCEPTED
}
