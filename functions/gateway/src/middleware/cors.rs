//! Cross-origin requests from web pages (CORS).

use std::time::Duration;

use anyhow::Context as _;
use chassis::config;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use tower_http::cors::CorsLayer;

/// How long a browser may cache the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The origins whose web pages may call the gateway. None by default.
#[derive(Debug, Clone, Default)]
pub struct Cors(Vec<HeaderValue>);

/// The methods and headers that a web page may use, and the response headers that it may read. [`crate::http`] derives it from the routes.
pub(crate) struct Exposed {
    pub(crate) methods: Vec<Method>,
    pub(crate) request_headers: Vec<HeaderName>,
    pub(crate) response_headers: Vec<HeaderName>,
}

impl Cors {
    /// Reads `CORS_ALLOWED_ORIGINS`: origins (`https://shop.example`) separated by commas. If it is unset or empty, CORS is off.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::new(&config::optional::<String>("CORS_ALLOWED_ORIGINS")?.unwrap_or_default())
            .context("CORS_ALLOWED_ORIGINS is wrong")
    }

    /// Parses origins separated by commas.
    pub fn new(origins: &str) -> anyhow::Result<Self> {
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origin = |origin: &str| {
            let url: reqwest::Url = origin.parse().with_context(|| format!("{origin} is not a URL"))?;
            let is_origin = url.scheme().starts_with("http") && url.origin().ascii_serialization() == origin;
            anyhow::ensure!(is_origin, "{origin} is not an origin such as https://shop.example");
            Ok(HeaderValue::from_str(origin)?)
        };
        origins.map(origin).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The layer that answers preflight requests and adds the CORS headers. `None` if CORS is off.
    pub(crate) fn layer(&self, exposed: Exposed) -> Option<CorsLayer> {
        let Exposed { methods, request_headers, response_headers } = exposed;
        (!self.0.is_empty()).then(|| {
            CorsLayer::new()
                .allow_origin(self.0.clone())
                .allow_methods(methods)
                .allow_headers(request_headers)
                .expose_headers(response_headers)
                .max_age(MAX_AGE)
        })
    }
}
