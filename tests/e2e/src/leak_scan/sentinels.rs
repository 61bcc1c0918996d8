//! Requests with sentinels: recognisable values in every place where a caller might put a secret or personal data.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local_stack::token::Grant;
use reqwest::header::{CONTENT_TYPE, COOKIE, FORWARDED, REFERER, USER_AGENT};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::Caller;
use crate::fixture::Fixture;

/// A test card number with a valid check digit.
const CARD: &str = "4242424242424242";

/// The sentinels of one run.
pub(super) struct Sentinels {
    marker: String,
}

/// The requests that carried them.
pub(super) struct Sent {
    /// The traces of all requests.
    pub(super) trace_ids: Vec<String>,
    /// The order that one of the requests placed.
    pub(super) order_id: String,
    /// The trace of that request.
    pub(super) order_trace_id: String,
}

impl Sentinels {
    pub(super) fn new() -> Self {
        Self { marker: format!("sentinel{:x}", Uuid::new_v4().as_fields().0) }
    }

    /// A text in every sentinel except the e-mail addresses in paths and the card numbers, which the detector
    /// recognises by their form.
    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    /// The sentinel for a place in a request.
    fn of(&self, place: &str) -> String {
        format!("{}-{place}", self.marker)
    }

    fn email(&self, place: &str) -> String {
        format!("{}@leak.example", self.of(place))
    }

    /// Sends all requests. A response with a 5xx status is an error.
    pub(super) async fn send(&self, fixture: &Fixture) -> Result<Sent> {
        let user = fixture.new_user();
        let scope = "orders:read orders:write inventory:write".to_owned();
        let caller = Caller::with_grant(fixture, &Grant { scope, ..Grant::to(&user) })?;
        let order = json!({"user_id": user, "product_id": "PROD-456", "quantity": 1});
        let with = |name: &str, value: Value| {
            let mut order = order.clone();
            order[name] = value;
            order.to_string()
        };

        let placed = with("payment_token", format!("tok_{}", self.of("payment")).into());
        let placed = self.request(&caller, Method::POST, "/api/orders", "order").body(placed);
        let placed = caller.send(placed.header("idempotency-key", format!("\"{}\"", self.of("key")))).await?;
        let order_id = placed.body["order_id"].as_str().with_context(|| format!("{placed:?}"))?.to_owned();
        let order_trace_id = placed.trace_id.clone();
        let mut trace_ids = vec![placed.trace_id];

        let product = json!({"name": self.of("name"), "unit_price": 1, "currency": "USD"});
        let movement =
            json!({"movement_id": self.of("movement"), "kind": "received", "quantity": 9, "reason": self.of("reason")});
        let mut requests: Vec<(Method, String, String)> = [
            ("/api/inventory/SENTINEL-1", product.to_string()),
            ("/api/inventory/SENTINEL-1", json!({"name": self.of("name"), self.email("field"): CARD}).to_string()),
            ("/api/inventory/SENTINEL-1", format!("{{\"name\": \"{}", self.of("open"))),
        ]
        .map(|(path, body)| (Method::PUT, path.to_owned(), body))
        .into();
        let orders = [
            with(&self.email("field"), CARD.into()),
            with("user_id", self.email("user").into()),
            with("user_id", self.of("user").into()),
            with("product_id", self.email("product").into()),
            with("quantity", self.of("quantity").into()),
            with("amount", self.of("amount").into()),
            with("payment_token", "x".repeat(70_000).into()),
            format!("{{\"email\": \"{}\", \"card\": {CARD},, }}", self.email("malformed")),
            format!("{}\u{0}\u{7f}", self.email("text")),
        ];
        requests.extend(orders.map(|body| (Method::POST, "/api/orders".to_owned(), body)));
        for id in ["SENTINEL-1", "PROD-123"] {
            requests.push((Method::POST, format!("/api/inventory/{id}/movements"), movement.to_string()));
        }
        requests.push((Method::POST, format!("/api/orders/{order_id}/cancel"), json!({}).to_string()));
        requests.push((Method::GET, format!("/api/orders?cursor={}", self.of("cursor")), String::new()));
        requests.push((Method::DELETE, "/api/orders".to_owned(), self.of("deleted")));
        let paths =
            ["/api/orders", "/healthz", "/openapi.json", "/api/inventory/SENTINEL-1", "/api/jane%40leak.example"];
        let ids = [order_id.as_str(), "jane%40leak.example", CARD];
        let with_id = |route: &str| ids.map(|id| format!("{route}{id}"));
        let paths = paths.map(str::to_owned).into_iter().chain(with_id("/api/orders/"));
        let paths = paths.chain(with_id("/api/payments/TXN-")).chain(["/api/inventory/jane%40leak.example".to_owned()]);
        requests.extend(paths.map(|path| (Method::GET, path, String::new())));

        for (number, (method, path, body)) in requests.into_iter().enumerate() {
            let request = self.request(&caller, method, &path, &number.to_string()).body(body);
            trace_ids.push(self.send_one(&caller, request).await?);
        }
        for authorization in self.credentials(fixture)? {
            let caller = caller.with_authorization(&authorization);
            let request = self.request(&caller, Method::POST, "/api/orders", "credential").body(order.to_string());
            trace_ids.push(self.send_one(&caller, request).await?);
        }
        Ok(Sent { trace_ids, order_id, order_trace_id })
    }

    /// Invalid credentials, and a valid token of a different user.
    fn credentials(&self, fixture: &Fixture) -> Result<[String; 6]> {
        let to_email = Caller::with_grant(fixture, &Grant::to(&self.email("sub")))?;
        let unsigned = ["{\"alg\":\"none\"}".to_owned(), format!("{{\"sub\":\"{}\"}}", self.email("unsigned"))];
        let [header, claims] = unsigned.map(|part| BASE64_STANDARD.encode(part));
        let password = BASE64_STANDARD.encode(format!("{}:{}", self.email("login"), self.of("password")));
        Ok([
            to_email.authorization().to_owned(),
            format!("Bearer {}", self.of("bearer")),
            format!("Bearer {}.{}.{}", self.of("header"), self.of("claims"), self.of("signature")),
            format!("Bearer {header}.{claims}."),
            format!("Basic {password}"),
            self.of("bare"),
        ])
    }

    /// A request with a sentinel in its query and in every header that may hold personal data.
    fn request(&self, caller: &Caller, method: Method, path: &str, place: &str) -> RequestBuilder {
        let (sentinel, email) = (self.of(place), self.email(place));
        let query = if path.contains('?') { "" } else { &format!("?email={email}&cursor={sentinel}&token={sentinel}") };
        caller
            .request(method, &format!("{path}{query}"))
            .header(CONTENT_TYPE, "application/json")
            .header(COOKIE, format!("session={sentinel}; email={email}"))
            .header(USER_AGENT, format!("{sentinel} ({email})"))
            .header(REFERER, format!("https://leak.example/?{sentinel}"))
            .header(FORWARDED, "for=203.0.113.77")
            .header("x-forwarded-for", "203.0.113.77, 2001:db8::77")
            .header("x-real-ip", "203.0.113.77")
            .header("x-api-key", &sentinel)
            .header("if-none-match", "*")
            .header("x-request-id", &email)
            .header("baggage", format!("user={sentinel}"))
    }

    /// Sends a request, which the gateway must answer; returns the id of its trace.
    async fn send_one(&self, caller: &Caller, request: RequestBuilder) -> Result<String> {
        let response = caller.send(request).await?;
        ensure!(response.status < 500 && !response.trace_id.is_empty(), "{response:?}");
        Ok(response.trace_id)
    }
}
