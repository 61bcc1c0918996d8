//! An issuer's web server that counts its requests and can be told to fail.

use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the server answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// With this text.
    Body(String),
    /// With this status and body.
    Status(u16, String),
    /// With a redirect to another path, which answers with this text.
    Redirect(String),
    /// Never.
    Hang,
}

pub(crate) struct JwksServer {
    pub(crate) url: String,
    state: Arc<Mutex<(Answer, usize)>>,
    task: JoinHandle<()>,
}

impl JwksServer {
    pub(crate) async fn start(answer: Answer) -> Self {
        let state = Arc::new(Mutex::new((answer, 0)));
        let app = Router::new().fallback(serve).with_state(state.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let task = tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { url, state, task }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.state.lock().unwrap().0 = answer;
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().1
    }

    /// Stops the server: its port refuses connections from now on.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }
}

async fn serve(State(state): State<Arc<Mutex<(Answer, usize)>>>, request: http::Request<axum::body::Body>) -> Response {
    let answer = {
        let mut state = state.lock().unwrap();
        state.1 += 1;
        state.0.clone()
    };
    let response = Response::builder();
    let response = match answer {
        Answer::Body(text) => response.body(text.into()),
        Answer::Status(status, text) => response.status(status).body(text.into()),
        Answer::Redirect(text) if request.uri().path() == "/elsewhere" => response.body(text.into()),
        Answer::Redirect(_) => {
            response.status(StatusCode::FOUND).header(header::LOCATION, "/elsewhere").body("".into())
        }
        Answer::Hang => pending().await,
    };
    response.unwrap()
}
