//! The reverse proxy on the API's port, in front of the Lambda emulator.
//!
//! It protects the emulator and its callers from two faults: with more than 100 outstanding requests to one function
//! the emulator deadlocks permanently, and it never answers a request whose function has crashed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
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

/// The limits for the requests to one function.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Maximum number of outstanding requests.
    pub(crate) outstanding: usize,
    /// How long a request above that number waits before it is rejected.
    pub(crate) queueing: Duration,
    /// Timeout of a request, without its time in the queue.
    pub(crate) response: Duration,
}

impl Limits {
    /// Well below the 100 requests at which the emulator deadlocks, and a little longer than a function's own timeout
    /// of 30 s.
    pub(crate) const DEFAULT: Self =
        Self { outstanding: 80, queueing: Duration::from_secs(10), response: Duration::from_secs(35) };
}

/// Lambda's own limit for the body of a request or a response, in bytes.
const MAX_BODY: usize = 6 * 1024 * 1024;

#[derive(Clone)]
struct ApiProxy {
    client: reqwest::Client,
    emulator: String,
    behind_api: String,
    limits: Limits,
    /// One permit per request that a function may still take.
    permits: Arc<BTreeMap<String, Arc<Semaphore>>>,
}

/// The proxy to the emulator at `emulator` (a URL without a path). `behind_api` is the function that gets every path
/// which is neither an invocation nor a function URL, as Cargo.toml tells the emulator's router. Requests to other
/// functions than `functions` are rejected, because the emulator would never answer them.
pub(crate) fn app<'a>(
    emulator: String,
    behind_api: &str,
    functions: impl Iterator<Item = &'a str>,
    limits: Limits,
) -> Result<Router> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.connect_timeout(Duration::from_secs(2)).build().context("cannot build an HTTP client")?;
    let permits = functions.map(|name| (name.to_owned(), Arc::new(Semaphore::new(limits.outstanding)))).collect();
    let proxy = ApiProxy { client, emulator, behind_api: behind_api.to_owned(), limits, permits: Arc::new(permits) };
    Ok(Router::new().fallback(forward).with_state(proxy))
}

async fn forward(State(proxy): State<ApiProxy>, request: Request) -> Response {
    proxy.forward(request).await.unwrap_or_else(|problem| problem)
}

impl ApiProxy {
    async fn forward(self, request: Request) -> Result<Response, Response> {
        let function = self.function_at(request.uri().path()).to_owned();
        let Some(permits) = self.permits.get(&function) else {
            return Err(problem(StatusCode::NOT_FOUND, format!("there is no function {function}")));
        };
        let Ok(Ok(permit)) = timeout(self.limits.queueing, Arc::clone(permits).acquire_owned()).await else {
            let detail = format!("{function} has {} outstanding requests", self.limits.outstanding);
            return Err(problem(StatusCode::TOO_MANY_REQUESTS, detail));
        };
        // In a separate task, because the request must keep its permit when the caller disconnects: the emulator still
        // has it.
        let call = tokio::spawn(async move {
            let _permit = permit;
            timeout(self.limits.response, self.call(request)).await
        });
        match call.await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Err(problem(StatusCode::GATEWAY_TIMEOUT, format!("{function} did not respond in time"))),
            Err(_) => Err(problem(StatusCode::BAD_GATEWAY, format!("the call to {function} panicked"))),
        }
    }

    /// The function that the emulator will send a request to.
    fn function_at<'a>(&'a self, path: &'a str) -> &'a str {
        let rest = path.strip_prefix("/lambda-url/").or_else(|| path.strip_prefix("/2015-03-31/functions/"));
        rest.map_or(&self.behind_api, |rest| rest.split('/').next().unwrap_or_default())
    }

    async fn call(&self, request: Request) -> Result<Response, Response> {
        let (mut head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
            problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body of a request may have at most {MAX_BODY} bytes, as in Lambda"),
            )
        })?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.emulator).parse::<Uri>().map_err(bad_gateway)?;
        strip_hop_by_hop(&mut head.headers);
        if std::str::from_utf8(&body).is_err() {
            force_base64(&mut head.headers);
        }
        let request = reqwest::Request::try_from(axum::http::Request::from_parts(head, body)).map_err(bad_gateway)?;

        let response = self.client.execute(request).await.map_err(bad_gateway)?;
        let (status, mut headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(bad_gateway)?;
        if status.is_server_error() && body.is_empty() {
            return Err(problem(StatusCode::BAD_GATEWAY, format!("the emulator responded with {status} and no body")));
        }
        strip_hop_by_hop(&mut headers);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Removes the headers that apply to one connection only ([RFC 9110,
/// 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
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

/// Makes the emulator pass a body to the function as base64, as AWS does with binary bodies. The emulator decides by
/// the content type alone, and fails if the type means text and the body is not UTF-8. It compares content types
/// case-sensitively, so capitalising the first letter is enough.
fn force_base64(headers: &mut HeaderMap) {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut content_type = content_type.unwrap_or("application/octet-stream").to_owned();
    if let Some(first) = content_type.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if let Ok(content_type) = HeaderValue::try_from(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
}

fn bad_gateway(error: impl std::error::Error + 'static) -> Response {
    tracing::warn!(error = &error as &dyn std::error::Error, "the call to the Lambda emulator failed");
    problem(StatusCode::BAD_GATEWAY, "the call to the Lambda emulator failed".to_owned())
}

/// A response of the proxy itself ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
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
    use tower::ServiceExt as _;

    use super::*;

    /// Serves an emulator on a free port.
    async fn serve(app: Router) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        address
    }

    /// A proxy for `order` and `gateway`, in front of the given emulator.
    async fn proxy_to(emulator: Router) -> Router {
        let (queueing, response) = (Duration::from_millis(50), Duration::from_millis(500));
        let emulator = format!("http://{}", serve(emulator).await);
        let limits = Limits { outstanding: 2, queueing, response };
        app(emulator, "gateway", ["order", "gateway"].into_iter(), limits).unwrap()
    }

    async fn post(proxy: &Router, path: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
        let request =
            Request::post(path).header(HOST, "api.test").header(CONNECTION, "x-private").header("x-private", "1");
        let response = proxy.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, MAX_BODY).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn request_keeps_its_path_query_and_body_but_not_its_hop_by_hop_headers() {
        let echo = any(|request: Request| async move {
            let headers = request.headers();
            assert!(headers.get("x-private").is_none() && headers.get(CONNECTION).is_none());
            let (host, uri) = (headers[HOST].to_str().unwrap().to_owned(), request.uri().to_string());
            let body = to_bytes(request.into_body(), MAX_BODY).await.unwrap();
            (StatusCode::CREATED, [("x-seen", "yes")], format!("{host} {uri} {}", String::from_utf8_lossy(&body)))
        });
        let proxy = proxy_to(Router::new().fallback_service(echo)).await;
        let (status, headers, body) = post(&proxy, "/lambda-url/order/orders?x=1", "hello").await;
        assert_eq!((status, body.as_str()), (StatusCode::CREATED, "api.test /lambda-url/order/orders?x=1 hello"));
        assert_eq!(headers["x-seen"], "yes");
    }

    #[tokio::test]
    async fn content_type_of_a_binary_body_is_capitalised() {
        let kind = any(|headers: HeaderMap| async move { headers[CONTENT_TYPE].to_str().unwrap().to_owned() });
        let proxy = proxy_to(Router::new().fallback_service(kind)).await;
        for (body, kind) in [(&b"{}"[..], "application/json"), (b"{\xff}", "Application/json")] {
            let request = Request::post("/api/orders").header(CONTENT_TYPE, "application/json");
            let response = proxy.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            assert_eq!(to_bytes(response.into_body(), MAX_BODY).await.unwrap(), kind);
        }
        assert_eq!(post(&proxy, "/api/orders", vec![0xff]).await.2, "Application/octet-stream");
    }

    #[tokio::test]
    async fn function_that_never_responds_is_504_and_does_not_block_other_functions() {
        let emulator = Router::new()
            .route("/lambda-url/order/", any(std::future::pending::<()>))
            .route("/api/orders", any(|| async { "gateway" }));
        let proxy = proxy_to(emulator).await;
        let hang = || post(&proxy, "/lambda-url/order/", "");
        let third = async {
            // After one poll of each, the first two requests have reached the emulator.
            tokio::task::yield_now().await;
            post(&proxy, "/lambda-url/order/", "").await
        };
        let (first, second, third, other) = tokio::join!(hang(), hang(), third, post(&proxy, "/api/orders", ""));
        assert_eq!([first.0, second.0], [StatusCode::GATEWAY_TIMEOUT; 2]);
        assert_eq!(first.1[CONTENT_TYPE], "application/problem+json");
        assert_eq!((third.0, other.0), (StatusCode::TOO_MANY_REQUESTS, StatusCode::OK));
        // A timeout returns the permit.
        assert_eq!(hang().await.0, StatusCode::GATEWAY_TIMEOUT);
    }

    #[tokio::test]
    async fn error_without_a_body_is_502() {
        let proxy = proxy_to(Router::new().fallback(|| async { StatusCode::INTERNAL_SERVER_ERROR })).await;
        let (status, headers, body) = post(&proxy, "/api/orders", "").await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert!(body.contains("\"status\":502"), "{body}");
    }

    #[tokio::test]
    async fn request_that_lambda_would_reject_does_not_reach_the_emulator() {
        let proxy = proxy_to(Router::new()).await;
        let unknown = post(&proxy, "/2015-03-31/functions/nope/invocations", "{}").await;
        assert_eq!(unknown.0, StatusCode::NOT_FOUND);
        let large = post(&proxy, "/api/orders", vec![0; MAX_BODY + 1]).await;
        assert_eq!(large.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
