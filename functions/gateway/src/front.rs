//! What every answer has, whoever gives it: security headers, the request's id, CORS where it is configured, and an end in time.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use chassis::config;
use chassis::http::Error;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tower_http::cors::CorsLayer;
use uuid::Uuid;
use wire::problem::{Problem, ProblemType};

/// The header in which a caller may name a request, and in which every answer names it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name of a request.
const MAX_REQUEST_ID: usize = 128;

/// The most bytes that a request's headers may have together: API Gateway takes 10,240 itself.
const MAX_HEADERS: usize = 16 * 1024;

/// The longest time that a request may take as a whole: below API Gateway's 30 s, so that the caller gets our answer.
const DEADLINE: Duration = Duration::from_secs(28);

/// What the [OWASP REST Security Cheat Sheet] asks of every answer: kept nowhere, taken for what it says it is, shown in no frame.
///
/// [OWASP REST Security Cheat Sheet]: https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// Which browsers' pages may call: those of these origins. None, unless configured.
#[derive(Debug, Clone, Default)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// From `CORS_ALLOWED_ORIGINS`: origins (`https://shop.example`) with commas between. Unset or empty: CORS is off.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::new(&config::optional::<String>("CORS_ALLOWED_ORIGINS")?.unwrap_or_default())
            .context("CORS_ALLOWED_ORIGINS is wrong")
    }

    /// These origins, with commas between.
    pub fn new(origins: &str) -> anyhow::Result<Self> {
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origin = |origin: &str| {
            let url: reqwest::Url = origin.parse().with_context(|| format!("{origin} is no URL"))?;
            let is_origin = url.scheme().starts_with("http") && url.origin().ascii_serialization() == origin;
            anyhow::ensure!(is_origin, "{origin} is no origin, such as https://shop.example");
            Ok(HeaderValue::from_str(origin)?)
        };
        origins.map(origin).collect::<anyhow::Result<_>>().map(Self)
    }

    fn layer(self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(self.0)
            .allow_methods([Method::GET, Method::POST, Method::PUT])
            .allow_headers(
                ["authorization", "content-type", "idempotency-key", "traceparent", "tracestate", "x-request-id"]
                    .map(HeaderName::from_static),
            )
            .expose_headers(
                [
                    "idempotent-replayed",
                    "location",
                    "ratelimit",
                    "ratelimit-policy",
                    "retry-after",
                    "x-request-id",
                    "x-trace-id",
                ]
                .map(HeaderName::from_static),
            )
            .max_age(Duration::from_secs(600))
    }
}

/// Puts a router behind the front.
pub(crate) fn front(router: Router, cors: Cors) -> Router {
    let router = router.layer(middleware::from_fn(bound));
    let router = if cors.0.is_empty() { router } else { router.layer(cors.layer()) };
    router.layer(middleware::from_fn(label))
}

/// Middleware: bounds the headers and the time of a request.
async fn bound(request: Request, next: Next) -> Response {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if headers > MAX_HEADERS {
        return Error::from(Problem::bare(ProblemType::HeadersTooLarge)).into_response();
    }
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request took too long");
            Error::from(Problem::bare(ProblemType::Unavailable)).into_response()
        }
    }
}

/// Middleware: names the request, and adds the security headers.
async fn label(request: Request, next: Next) -> Response {
    let id = request_id(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    telemetry::http_server::record_request_id(&id);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(SECURITY);
    headers.extend(HeaderValue::from_str(&id).ok().map(|id| (REQUEST_ID, id)));
    response
}

/// The caller's name for the request, if it is short and plain: it goes into the trace as it is.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_plain && (1..=MAX_REQUEST_ID).contains(&id.len())).then(|| id.to_owned())
}
