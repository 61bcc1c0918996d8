//! The parts of `/openapi.json` that no single route has: what is said about all of them, and the problems.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi as _};
use wire::OrderId;
use wire::problem::{self, Problem, ProblemType};

use crate::rate_limit::Verdict;

/// What is said about all routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Order system",
        description = "Orders over inventory and payment. Every 4xx and 5xx is a problem (RFC 9457) with a stable `type`.",
    ),
    components(schemas(Problem)),
    security(("bearer" = [])),
    modifiers(&Security),
    tags(
        (name = "orders", description = "The caller's own orders"),
        (name = "inventory", description = "The products and their stock"),
        (name = "payments", description = "The charges of the caller's own orders"),
        (name = "health", description = "Whether the gateway answers"),
    )
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
            "An access token (RFC 9068) with the scopes that the operation names: `orders:read`, `orders:write`, `inventory:write`.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

/// The document before its routes.
pub(crate) fn base() -> OpenApi {
    Base::openapi()
}

/// The document with what goes for every answer, and with every problem by itself.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post].into_iter().flatten();
        operations.for_each(add_headers);
    }
    let components = document.components.get_or_insert_default();
    for kind in ProblemType::ALL {
        components.responses.insert(slug(kind), answer(&[kind]).into());
    }
    document
}

/// Every answer names its trace and its request; where a principal is counted, it says how many requests are left.
fn add_headers(operation: &mut Operation) {
    let text = |description: &str| {
        HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
    };
    let is_open = operation.tags.iter().flatten().any(|tag| tag == "health");
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let mut add =
            |name: &str, description: &str| response.headers.insert(name.to_owned(), text(description).into());
        add("x-trace-id", "The trace of the request, in hex.");
        add("x-request-id", "The request: the caller's `x-request-id`, or a new UUID.");
        if !is_open {
            add(
                "ratelimit-policy",
                "How many requests a principal may make (draft-ietf-httpapi-ratelimit-headers-11).",
            );
            add("ratelimit", "How many of them are left, and for how many seconds.");
        }
    }
}

/// Defines which problems an operation may answer with, besides those that every one may.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: $($kind:ident),*;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    by_status(&[$(ProblemType::$kind),*])
                }
            }
        )*
    };
}

problems! {
    /// Of `POST /api/orders`.
    Placing: BadRequest, PaymentDeclined, Forbidden, OutOfStock, Conflict, RequestInFlight, PayloadTooLarge,
        UnsupportedMediaType, Unprocessable, AmountMismatch, IdempotencyKeyReused;
    /// Of `GET /api/orders`.
    Listing: Forbidden;
    /// Of what is there or not, and is the caller's or not.
    Reading: Forbidden, NotFound;
    /// Of `POST /api/orders/{order_id}/cancel`.
    Cancelling: Forbidden, NotFound, Conflict;
    /// Of `GET /api/inventory/{product_id}`.
    Looking: NotFound;
    /// Of `PUT /api/inventory/{product_id}`.
    Entering: Forbidden, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, Unprocessable;
}

/// The problems that every operation with a caller may answer with.
const EVERYWHERE: [ProblemType; 7] = [
    ProblemType::BadRequest,
    ProblemType::Unauthorized,
    ProblemType::InvalidToken,
    ProblemType::QuotaExceeded,
    ProblemType::HeadersTooLarge,
    ProblemType::Internal,
    ProblemType::Unavailable,
];

fn by_status(kinds: &[ProblemType]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<String, Vec<ProblemType>>::new();
    for kind in ProblemType::ALL.into_iter().filter(|kind| kinds.contains(kind) || EVERYWHERE.contains(kind)) {
        by_status.entry(kind.status().to_string()).or_default().push(kind);
    }
    by_status.into_iter().map(|(status, kinds)| (status, answer(&kinds).into())).collect()
}

/// The answer with a problem of one of these kinds, which have the same status.
fn answer(kinds: &[ProblemType]) -> Response {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    let content =
        kinds.iter().fold(ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))), |content, kind| {
            let example = ExampleBuilder::new().summary(kind.title()).value(Some(example(*kind)));
            content.examples_from_iter([(slug(*kind), example.build())])
        });
    let content: Content = content.build();
    let mut response = ResponseBuilder::new().description(titles.join("; ")).content(problem::CONTENT_TYPE, content);
    if kinds.iter().any(|kind| kind.retry_after().is_some() || *kind == ProblemType::QuotaExceeded) {
        let seconds = HeaderBuilder::new().schema(Some(Object::with_type(Type::Integer)));
        response =
            response.header("retry-after", seconds.description(Some("After how many seconds to ask again.")).build());
    }
    response.build()
}

/// A problem's kind as a name.
fn slug(kind: ProblemType) -> String {
    let kind = json!(kind);
    kind.as_str().and_then(|kind| kind.rsplit([':', '#']).next()).unwrap_or_default().to_owned()
}

/// A problem as it is answered.
fn example(kind: ProblemType) -> Value {
    let mut problem = Problem::bare(kind);
    match kind {
        ProblemType::OutOfStock | ProblemType::PaymentDeclined | ProblemType::RequestInFlight => {
            problem.order_id = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77".parse::<OrderId>().ok();
        }
        ProblemType::QuotaExceeded => problem.violated_policies = vec![Verdict::POLICY.to_owned()],
        _ if kind.status() >= 500 => problem.trace_id = Some("0af7651916cd43dd8448eb211c80319c".into()),
        _ => {}
    }
    json!(problem)
}
