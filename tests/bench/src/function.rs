//! A function's process, with a Lambda Runtime API of its own that measures it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

/// Timeout of every step of the function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long one invocation took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// From the event to the posted response: what the caller waits for.
    pub(crate) response: Duration,
    /// From the event until the function asks for the next one: what AWS bills. It includes the flush.
    pub(crate) total: Duration,
}

/// A running function. Its process ends when this is dropped.
pub(crate) struct Function {
    _process: Child,
    events: mpsc::UnboundedSender<Bytes>,
    steps: mpsc::UnboundedReceiver<Step>,
    api: AbortHandle,
    /// From the start of the process until it asks for its first event.
    pub(crate) init: Duration,
}

/// A step of an invocation, as the Runtime API sees it.
enum Step {
    /// The function asks for an event.
    Polled(Instant),
    /// The event is sent to the function.
    Sent(Instant),
    /// The function posts its response.
    Responded { at: Instant, is_success: bool },
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    steps: mpsc::UnboundedSender<Step>,
}

impl Function {
    /// Starts the process with only these environment variables, and waits until it asks for an event.
    pub(crate) async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Result<Self> {
        let ((events, event_receiver), (step_sender, steps)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(post_response))
            .with_state(Arc::new(Api { events: Mutex::new(event_receiver), steps: step_sender }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let api = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();

        let mut command = Command::new(binary);
        command.env_clear().envs(environment).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut function = Self { _process: process, events, steps, api, init: Duration::ZERO };
        let Step::Polled(polled) = function.step().await? else { bail!("the function responds without an event") };
        function.init = polled - started;
        Ok(function)
    }

    /// Sends the function an event, and waits until it asks for the next one.
    ///
    /// # Errors
    ///
    /// The function does not respond with status 200.
    pub(crate) async fn invoke(&mut self, event: &Bytes) -> Result<Timing> {
        self.events.send(event.clone())?;
        let steps = (self.step().await?, self.step().await?, self.step().await?);
        let (Step::Sent(sent), Step::Responded { at: responded, is_success }, Step::Polled(polled)) = steps else {
            bail!("the function called the Runtime API in an unexpected order");
        };
        ensure!(is_success, "the function did not respond with status 200");
        Ok(Timing { response: responded - sent, total: polled - sent })
    }

    async fn step(&mut self) -> Result<Step> {
        let step = tokio::time::timeout(TIMEOUT, self.steps.recv()).await;
        step.context("the function does not call the Runtime API")?.context("the Runtime API has ended")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.api.abort();
    }
}

async fn next_invocation(State(api): State<Arc<Api>>) -> Response {
    let _ = api.steps.send(Step::Polled(Instant::now()));
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now() + TIMEOUT;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", "8f507cfc-1f1a-4e8b-9b43-000000000000".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:inventory".to_owned(),
        ),
    ];
    let _ = api.steps.send(Step::Sent(Instant::now()));
    (headers, event).into_response()
}

async fn post_response(State(api): State<Arc<Api>>, request: Request) -> StatusCode {
    let at = Instant::now();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
    let response: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let _ = api.steps.send(Step::Responded { at, is_success: response["statusCode"] == 200 });
    StatusCode::ACCEPTED
}
