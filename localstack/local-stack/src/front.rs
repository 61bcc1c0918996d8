//! The reverse proxy on the API's port, before the Lambda emulator, which needs two protections: above 100 outstanding
//! requests to one function it deadlocks for good, and who calls a function that dies waits for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What the front lets through.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Requests that one function's callers may have outstanding.
    pub(crate) outstanding: usize,
    /// How long one more request waits for its turn.
    pub(crate) queueing: Duration,
    /// How long a function may take to answer.
    pub(crate) answer: Duration,
}

/// Well below what the emulator survives; a little longer than a function's own timeout of 30 s.
pub(crate) const LIMITS: Limits =
    Limits { outstanding: 80, queueing: Duration::from_secs(10), answer: Duration::from_secs(35) };

/// Lambda's own limit for a request or an answer, in bytes.
const MAX_BODY: usize = 6 * 1024 * 1024;

/// The function behind the paths that are neither an invocation nor a function URL (Cargo.toml, the router).
const ROUTED_TO: &str = "gateway";

#[derive(Clone)]
struct Front {
    client: reqwest::Client,
    emulator: String,
    limits: Limits,
    /// How many more requests each function takes.
    turns: Arc<BTreeMap<String, Arc<Semaphore>>>,
}

/// The proxy to the emulator at `emulator` (a URL without a path), for these functions and no others: the emulator
/// would keep a request to an unknown one waiting.
pub(crate) fn app(emulator: String, functions: impl Iterator<Item = String>, limits: Limits) -> Result<Router> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.connect_timeout(Duration::from_secs(2)).build().context("cannot build an HTTP client")?;
    let turns = functions.map(|name| (name, Arc::new(Semaphore::new(limits.outstanding)))).collect();
    let front = Front { client, emulator, limits, turns: Arc::new(turns) };
    Ok(Router::new().fallback(forward).with_state(front))
}

async fn forward(State(front): State<Front>, request: Request) -> Response {
    front.forward(request).await.unwrap_or_else(|problem| problem)
}

impl Front {
    async fn forward(self, request: Request) -> Result<Response, Response> {
        let function = function(request.uri().path()).to_owned();
        let Some(turns) = self.turns.get(&function) else {
            return Err(problem(StatusCode::NOT_FOUND, format!("there is no function {function}")));
        };
        let Ok(Ok(turn)) = timeout(self.limits.queueing, Arc::clone(turns).acquire_owned()).await else {
            let detail = format!("{function} has {} requests outstanding", self.limits.outstanding);
            return Err(problem(StatusCode::TOO_MANY_REQUESTS, detail));
        };
        // A task of its own: when the caller goes away, the emulator still has the request, and it still counts.
        let call = tokio::spawn(async move {
            let _turn = turn;
            timeout(self.limits.answer, self.call(request)).await
        });
        match call.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(problem(StatusCode::GATEWAY_TIMEOUT, format!("{function} has not answered"))),
            Err(_) => Err(problem(StatusCode::BAD_GATEWAY, format!("the call of {function} broke"))),
        }
    }

    async fn call(&self, request: Request) -> Result<Response, Response> {
        let (mut head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
            problem(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {MAX_BODY} bytes, as in Lambda"))
        })?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.emulator).parse::<Uri>().map_err(bad_gateway)?;
        strip_hop_by_hop(&mut head.headers);
        if std::str::from_utf8(&body).is_err() {
            spell_unlike_text(&mut head.headers);
        }
        let request = reqwest::Request::try_from(axum::http::Request::from_parts(head, body)).map_err(bad_gateway)?;

        let answer = self.client.execute(request).await.map_err(bad_gateway)?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(bad_gateway)?;
        if status.is_server_error() && body.is_empty() {
            return Err(problem(StatusCode::BAD_GATEWAY, format!("the emulator answered {status} and nothing else")));
        }
        strip_hop_by_hop(&mut headers);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The function that the emulator will give a request to.
fn function(path: &str) -> &str {
    let rest = path.strip_prefix("/lambda-url/").or_else(|| path.strip_prefix("/2015-03-31/functions/"));
    rest.map_or(ROUTED_TO, |rest| rest.split('/').next().unwrap_or_default())
}

/// Removes what concerns one connection only ([RFC 9110, 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let named: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    let keep_alive = HeaderName::from_static("keep-alive");
    let always = [
        CONNECTION,
        keep_alive,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        EXPECT,
    ];
    for name in named.into_iter().chain(always) {
        headers.remove(name);
    }
}

/// Has the emulator hand a body on as base64, as AWS does with what is no text. By itself it does so only for types that it does not
/// know as text, which it compares as they are spelled, and it fails where such a body is not UTF-8.
fn spell_unlike_text(headers: &mut HeaderMap) {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/octet-stream");
    if let Ok(kind) =
        HeaderValue::try_from(kind[..kind.len().min(1)].to_ascii_uppercase() + kind.get(1..).unwrap_or_default())
    {
        headers.insert(CONTENT_TYPE, kind);
    }
}

fn bad_gateway(error: impl std::error::Error + 'static) -> Response {
    tracing::warn!(error = &error as &dyn std::error::Error, "the emulator cannot be reached");
    problem(StatusCode::BAD_GATEWAY, "the Lambda emulator cannot be reached".to_owned())
}

/// An answer of the front itself ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
fn problem(status: StatusCode, detail: String) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    let content_type = HeaderValue::from_static("application/problem+json");
    (status, [(CONTENT_TYPE, content_type)], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::http::header::HOST;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    /// An emulator on a free port.
    async fn serve(app: Router) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        address
    }

    /// A front for `order` and `gateway`, before an emulator that answers like `app`.
    async fn front(emulator: Router) -> Router {
        let (queueing, answer) = (Duration::from_millis(50), Duration::from_millis(500));
        let names = ["order", "gateway"].map(str::to_owned).into_iter();
        let emulator = format!("http://{}", serve(emulator).await);
        app(emulator, names, Limits { outstanding: 2, queueing, answer }).unwrap()
    }

    async fn post(front: &Router, path: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
        let request =
            Request::post(path).header(HOST, "api.test").header(CONNECTION, "x-private").header("x-private", "1");
        let response = front.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, MAX_BODY).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_request_passes_with_its_path_query_and_body_but_not_its_hop_by_hop_headers() {
        let echo = any(|request: Request| async move {
            let headers = request.headers();
            assert!(headers.get("x-private").is_none() && headers.get(CONNECTION).is_none());
            let (host, uri) = (headers[HOST].to_str().unwrap().to_owned(), request.uri().to_string());
            let body = to_bytes(request.into_body(), MAX_BODY).await.unwrap();
            (StatusCode::CREATED, [("x-seen", "yes")], format!("{host} {uri} {}", String::from_utf8_lossy(&body)))
        });
        let front = front(Router::new().fallback_service(echo)).await;
        let (status, headers, body) = post(&front, "/lambda-url/order/orders?x=1", "hello").await;
        assert_eq!((status, body.as_str()), (StatusCode::CREATED, "api.test /lambda-url/order/orders?x=1 hello"));
        assert_eq!(headers["x-seen"], "yes");
    }

    #[tokio::test]
    async fn a_body_that_is_no_text_is_not_called_text() {
        let kind = any(|headers: HeaderMap| async move { headers[CONTENT_TYPE].to_str().unwrap().to_owned() });
        let front = front(Router::new().fallback_service(kind)).await;
        for (body, kind) in [(&b"{}"[..], "application/json"), (b"{\xff}", "Application/json")] {
            let request = Request::post("/api/orders").header(CONTENT_TYPE, "application/json");
            let response = front.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            assert_eq!(to_bytes(response.into_body(), MAX_BODY).await.unwrap(), kind);
        }
        assert_eq!(post(&front, "/api/orders", vec![0xff]).await.2, "Application/octet-stream");
    }

    #[tokio::test]
    async fn a_function_that_never_answers_is_504_and_does_not_block_the_others() {
        let emulator = Router::new()
            .route("/lambda-url/order/", any(std::future::pending::<()>))
            .route("/api/orders", any(|| async { "gateway" }));
        let front = front(emulator).await;
        let hang = || post(&front, "/lambda-url/order/", "");
        let third = async {
            // The first two are at the emulator once they have been polled.
            tokio::task::yield_now().await;
            post(&front, "/lambda-url/order/", "").await
        };
        let (first, second, third, other) = tokio::join!(hang(), hang(), third, post(&front, "/api/orders", ""));
        assert_eq!([first.0, second.0], [StatusCode::GATEWAY_TIMEOUT; 2]);
        assert_eq!(first.1[CONTENT_TYPE], "application/problem+json");
        assert_eq!((third.0, other.0), (StatusCode::TOO_MANY_REQUESTS, StatusCode::OK));
        // A timeout gives the turn back.
        assert_eq!(hang().await.0, StatusCode::GATEWAY_TIMEOUT);
    }

    #[tokio::test]
    async fn an_error_without_a_body_is_502() {
        let front = front(Router::new().fallback(|| async { StatusCode::INTERNAL_SERVER_ERROR })).await;
        let (status, headers, body) = post(&front, "/api/orders", "").await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert!(body.contains("\"status\":502"), "{body}");
    }

    #[tokio::test]
    async fn what_lambda_would_refuse_does_not_reach_the_emulator() {
        let front = front(Router::new()).await;
        let unknown = post(&front, "/2015-03-31/functions/nope/invocations", "{}").await;
        assert_eq!(unknown.0, StatusCode::NOT_FOUND);
        let large = post(&front, "/api/orders", vec![0; MAX_BODY + 1]).await;
        assert_eq!(large.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
