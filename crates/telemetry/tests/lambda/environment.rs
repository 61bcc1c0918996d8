//! What is around a function: Lambda's Runtime API and a collector, on a port of their own, and the function's process.

use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::function::Event;
use crate::got::Got;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:tested";

/// What the collector does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Collector {
    Takes,
    /// Takes it, and says so after so long.
    TakesSlowly(Duration),
    Refuses,
    /// Says nothing, until it does something else: then it does that with what it holds.
    Hangs,
    /// Breaks the connection off.
    BreaksOff,
}

struct Shared {
    /// What becomes of spans.
    spans: watch::Sender<Collector>,
    /// What becomes of log records and metrics.
    others: watch::Sender<Collector>,
    got: Mutex<Got>,
    changed: watch::Sender<()>,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Event, SystemTime)>>,
    answers: mpsc::UnboundedSender<Answer>,
    /// How often the function has asked for an invocation.
    asked: watch::Sender<usize>,
    /// Changes when the collector shall close its connections.
    closing: watch::Sender<()>,
    /// How often it has.
    closed: watch::Sender<usize>,
}

/// A function's answer, which it believes to be still under way until this is dropped.
pub(crate) struct Answer {
    /// `response` or `error`.
    pub(crate) outcome: String,
    _taken: oneshot::Sender<()>,
}

impl Shared {
    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running function and what is around it.
pub(crate) struct World {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<(Event, SystemTime)>,
    answers: mpsc::UnboundedReceiver<Answer>,
    pub(crate) process: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl World {
    /// A function with variables of its own beside those that Lambda gives.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let ((events, asked), (answered, answers)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let shared = Arc::new(Shared {
            spans: watch::channel(Collector::Takes).0,
            others: watch::channel(Collector::Takes).0,
            got: Mutex::default(),
            changed: watch::channel(()).0,
            events: tokio::sync::Mutex::new(asked),
            answers: answered,
            asked: watch::channel(0).0,
            closing: watch::channel(()).0,
            closed: watch::channel(0).0,
        });
        let runtime_api = TcpListener::bind("127.0.0.1:0").await?;
        let collector = TcpListener::bind("127.0.0.1:0").await?.into_std()?;
        let (runtime_api_address, collector_address) = (runtime_api.local_addr()?, collector.local_addr()?);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(runtime_api, router).await });
        tokio::spawn(serve_collector(collector, Arc::clone(&shared)));

        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().env(crate::IS_FUNCTION, "").env("AWS_LAMBDA_RUNTIME_API", runtime_api_address.to_string());
        command.env("AWS_LAMBDA_FUNCTION_NAME", "tested").env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector_address}"));
        // Whoever tests lateness sets it lower; nobody else shall be late because the machine is busy.
        command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "30000").envs(variables.iter().copied());
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut stdout = BufReader::new(process.stdout.take().context("no stdout")?).lines();
        let (line, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(text)) = stdout.next_line().await {
                let _ = line.send(text);
            }
        });
        Ok(Self { shared, events, answers, process, lines })
    }

    /// Invokes the function, whose deadline is so far away; returns at once.
    pub(crate) fn ask(&self, event: Event, time: Duration) {
        let _ = self.events.send((event, SystemTime::now() + time));
    }

    /// Invokes the function and returns how it answered: `response` or `error`.
    pub(crate) async fn invoke(&mut self, event: Event) -> anyhow::Result<String> {
        self.ask(event, PATIENCE);
        Ok(self.answer().await?.outcome)
    }

    pub(crate) async fn answer(&mut self) -> anyhow::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.answers.recv()).await.context("no answer")?.context("no server")
    }

    /// Waits until what the collector has got is as it shall be, and returns what `read` makes of it.
    pub(crate) async fn got<T>(&self, read: impl Fn(&Got) -> Option<T>) -> anyhow::Result<T> {
        let mut changes = self.shared.changed.subscribe();
        let wait = async {
            loop {
                let found = read(&self.shared.got());
                if let Some(found) = found {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.context("the collector did not get it")
    }

    /// Waits until the function asks for its next invocation, which it does when it is done with `invocations`.
    pub(crate) async fn idle_after(&self, invocations: usize) -> anyhow::Result<()> {
        let mut asked = self.shared.asked.subscribe();
        let idle = asked.wait_for(|asked| *asked > invocations);
        tokio::time::timeout(PATIENCE, idle).await.context("the function is not done")??;
        Ok(())
    }

    pub(crate) fn id(&self) -> anyhow::Result<Pid> {
        self.process.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the function has ended")
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(self.id()?, signal)?)
    }

    /// Freezes the function, as Lambda does between invocations; returns when nothing of it runs any more.
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        let status = waitpid(Some(self.id()?), WaitOptions::UNTRACED)?;
        anyhow::ensure!(status.is_some_and(|(_, status)| status.stopped()), "{status:?}");
        Ok(())
    }

    pub(crate) fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    pub(crate) fn collector(&self, does: Collector) {
        self.shared.others.send_replace(does);
        self.collector_of_spans(does);
    }

    pub(crate) fn collector_of_spans(&self, does: Collector) {
        self.shared.spans.send_replace(does);
    }

    /// Has the collector close its connections; returns when it has.
    pub(crate) async fn close_connections(&self) -> anyhow::Result<()> {
        let mut closed = self.shared.closed.subscribe();
        let before = *closed.borrow_and_update();
        self.shared.closing.send_replace(());
        tokio::time::timeout(PATIENCE, closed.wait_for(|closed| *closed > before)).await??;
        Ok(())
    }

    /// The lines that the function has printed since it was asked last, up to the first one that holds `text`.
    pub(crate) async fn lines_to(&mut self, text: &str) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        let read = async {
            while let Some(line) = self.lines.recv().await {
                let found = line.contains(text);
                lines.push(line);
                if found {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.with_context(|| format!("no line holds {text:?}"))?;
        Ok(lines)
    }
}

async fn serve_collector(listener: std::net::TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/v1/{signal}", post(collect))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&shared));
    loop {
        let mut closing = shared.closing.subscribe();
        let listener = TcpListener::from_std(listener.try_clone()?)?;
        let serve = axum::serve(listener, router.clone());
        serve.with_graceful_shutdown(async move { drop(closing.changed().await) }).await?;
        shared.closed.send_modify(|closed| *closed += 1);
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.asked.send_modify(|asked| *asked += 1);
    let Some((event, deadline)) = shared.events.lock().await.recv().await else {
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
    (headers, axum::Json(event)).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, Path((_, outcome)): Path<(String, String)>) -> StatusCode {
    let (_taken, taken) = oneshot::channel();
    let _ = shared.answers.send(Answer { outcome, _taken });
    // Comes to its end when the test drops the answer.
    let _ = taken.await;
    StatusCode::ACCEPTED
}

async fn collect(State(shared): State<Arc<Shared>>, Path(signal): Path<String>, body: Bytes) -> StatusCode {
    let mut collector = if signal == "traces" { &shared.spans } else { &shared.others }.subscribe();
    shared.got().exports += 1;
    shared.changed.send_replace(());
    let does = collector.wait_for(|does| *does != Collector::Hangs).await.map(|does| *does);
    match does {
        Ok(Collector::Refuses) | Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        // A panic that says nothing: the server closes the connection.
        Ok(Collector::BreaksOff) => {
            shared.got().broken_off += 1;
            shared.changed.send_replace(());
            std::panic::resume_unwind(Box::new("broken off"))
        }
        Ok(Collector::TakesSlowly(time)) => tokio::time::sleep(time).await,
        Ok(Collector::Takes | Collector::Hangs) => {}
    }
    if shared.got().add(&signal, body).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    shared.changed.send_replace(());
    StatusCode::OK
}
