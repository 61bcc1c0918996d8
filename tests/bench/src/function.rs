//! A function's process, served by a Lambda Runtime API of its own that takes the times.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
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

/// Longest wait for anything that a function does.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one invocation took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// From the event to its answer: what the caller waits for.
    pub(crate) answer: Duration,
    /// From the event to the next question for one: what AWS bills. The flush is in it.
    pub(crate) whole: Duration,
}

/// A running function. It dies with this.
pub(crate) struct Function {
    _process: Child,
    events: mpsc::UnboundedSender<Bytes>,
    marks: mpsc::UnboundedReceiver<Mark>,
    api: AbortHandle,
    /// From the start of the process to its first question for an event.
    pub(crate) init: Duration,
}

/// What the Runtime API saw.
enum Mark {
    Asked(Instant),
    Given(Instant),
    Answered(Instant, bool),
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    marks: mpsc::UnboundedSender<Mark>,
}

impl Function {
    /// Starts the process with nothing but these variables in its environment, and waits until it asks for an event.
    pub(crate) async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Result<Self> {
        let ((events, given), (mark, marks)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(Arc::new(Api { events: Mutex::new(given), marks: mark }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let api = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();

        let mut command = Command::new(binary);
        command.env_clear().envs(environment).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut function = Self { _process: process, events, marks, api, init: Duration::ZERO };
        let Mark::Asked(asked) = function.mark().await? else { anyhow::bail!("the function answers unasked") };
        function.init = asked - started;
        Ok(function)
    }

    /// Hands the function an event, and waits until it asks for the next.
    ///
    /// # Errors
    /// It does not answer, or not with a success.
    pub(crate) async fn invoke(&mut self, event: &Bytes) -> Result<Took> {
        self.events.send(event.clone())?;
        let marks = (self.mark().await?, self.mark().await?, self.mark().await?);
        let (Mark::Given(given), Mark::Answered(answered, well), Mark::Asked(asked)) = marks else {
            anyhow::bail!("the function asks and answers in no order");
        };
        ensure!(well, "the function has failed");
        Ok(Took { answer: answered - given, whole: asked - given })
    }

    async fn mark(&mut self) -> Result<Mark> {
        let mark = tokio::time::timeout(PATIENCE, self.marks.recv()).await;
        mark.context("the function is silent")?.context("the Runtime API has ended")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.api.abort();
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let _ = api.marks.send(Mark::Asked(Instant::now()));
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now() + PATIENCE;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", "8f507cfc-1f1a-4e8b-9b43-000000000000".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:inventory".to_owned(),
        ),
    ];
    let _ = api.marks.send(Mark::Given(Instant::now()));
    (headers, event).into_response()
}

async fn answer(State(api): State<Arc<Api>>, request: Request) -> StatusCode {
    let answered = Instant::now();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let _ = api.marks.send(Mark::Answered(answered, answer["statusCode"] == 200));
    StatusCode::ACCEPTED
}
