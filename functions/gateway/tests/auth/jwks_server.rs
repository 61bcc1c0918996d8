//! An issuer's web server, which counts what it is asked and fails as it is told to.

use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This text.
    Says(String),
    /// This status, and whatever JWKS there is as the body.
    Is(u16, String),
    /// Sends the caller on to another path, where the text is.
    Redirects(String),
    /// Nothing, ever.
    Hangs,
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

    /// How often it was asked.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().1
    }

    /// From now on, nobody listens.
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
        Answer::Says(text) => response.body(text.into()),
        Answer::Is(status, text) => response.status(status).body(text.into()),
        Answer::Redirects(text) if request.uri().path() == "/elsewhere" => response.body(text.into()),
        Answer::Redirects(_) => {
            response.status(StatusCode::FOUND).header(header::LOCATION, "/elsewhere").body("".into())
        }
        Answer::Hangs => pending().await,
    };
    response.unwrap()
}
