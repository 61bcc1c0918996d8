//! Problems in the OpenAPI document: one response per status, with an example of every problem type that has the status.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, Responses};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr};
use wire::OrderId;
use wire::problem::{self, Problem, ProblemType};

use crate::rate_limit::Decision;

/// Defines the problems that are particular to one operation, for the `responses` of its `#[utoipa::path]`. Those that follow from
/// its access, its path and its body are added when the route is registered.
macro_rules! problems {
    ($name:ident: $($kind:ident),+) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::response::Response>> {
                let mut responses = utoipa::openapi::response::Responses::new();
                $crate::http::problems::add(&mut responses, &[$(wire::problem::ProblemType::$kind),+]);
                responses.responses
            }
        }
    };
}

pub(super) use problems;

/// Adds problems to an operation's responses. Problems with the same status share a response.
pub(super) fn add(responses: &mut Responses, kinds: &[ProblemType]) {
    for kind in kinds {
        let status = kind.status().to_string();
        let present = responses.responses.get(&status).map(examples).unwrap_or_default();
        let all = ProblemType::ALL.into_iter();
        let kinds: Vec<_> = all.filter(|other| other == kind || present.contains(&slug(*other))).collect();
        responses.responses.insert(status, response(&kinds).into());
    }
}

/// A response for every problem type, for the document's components.
pub(super) fn components() -> BTreeMap<String, RefOr<Response>> {
    ProblemType::ALL.into_iter().map(|kind| (slug(kind), response(&[kind]).into())).collect()
}

/// The names of a response's examples.
fn examples(response: &RefOr<Response>) -> Vec<String> {
    let RefOr::T(response) = response else { return Vec::new() };
    match response.content.get(problem::CONTENT_TYPE) {
        Some(RefOr::T(content)) => content.examples.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The response with a problem of one of these types, which all have the same status.
fn response(kinds: &[ProblemType]) -> Response {
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
            response.header("retry-after", seconds.description(Some("Seconds until a retry may succeed.")).build());
    }
    response.build()
}

/// The last part of a problem's type URI, as its name in the document.
fn slug(kind: ProblemType) -> String {
    let kind = json!(kind);
    kind.as_str().and_then(|kind| kind.rsplit([':', '#']).next()).unwrap_or_default().to_owned()
}

/// A problem of this type as the gateway sends it.
fn example(kind: ProblemType) -> Value {
    let mut problem = Problem::bare(kind);
    match kind {
        ProblemType::OutOfStock | ProblemType::PaymentDeclined | ProblemType::RequestInFlight => {
            problem.order_id = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77".parse::<OrderId>().ok();
        }
        ProblemType::QuotaExceeded => problem.violated_policies = vec![Decision::POLICY.to_owned()],
        _ if kind.status() >= 500 => problem.trace_id = Some("0af7651916cd43dd8448eb211c80319c".into()),
        _ => {}
    }
    json!(problem)
}
