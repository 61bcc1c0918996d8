//! The OpenAPI document: what is common to all operations, and what follows from an operation's access.

use std::sync::LazyLock;

use chassis::http::Json;
use http::Method;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, Object, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{Modify, OpenApi as _};
use wire::problem::{Problem, ProblemType};

use crate::http::access::Access;
use crate::http::{document, problems};

/// The name of the security scheme in the document.
const BEARER: &str = "bearer";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Order system",
        description = "Orders, with inventory and payments. Every 4xx and 5xx response is a problem (RFC 9457) with a stable `type`.",
    ),
    components(schemas(Problem)),
    security(("bearer" = [])),
    modifiers(&Components),
    tags(
        (name = "orders", description = "The caller's own orders"),
        (name = "inventory", description = "Products and their stock"),
        (name = "payments", description = "The charges of the caller's own orders"),
        (name = "health", description = "Whether the gateway is up"),
    )
)]
struct Base;

struct Components;

impl Modify for Components {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer =
            bearer.description(Some("An access token (RFC 9068) that grants the scope that the operation names."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
        components.responses.extend(problems::components());
    }
}

/// The document without operations.
pub(super) fn base() -> OpenApi {
    Base::openapi()
}

/// Adds to the schemas of all request bodies that they have no other fields, as `StrictJson` checks.
pub(super) fn close_request_bodies(document: &mut OpenApi) {
    let bodies = document.paths.paths.values_mut().flat_map(operations);
    let mut open: Vec<String> = bodies.flat_map(|(_, operation)| schema_names(&operation.request_body)).collect();
    let Some(components) = &mut document.components else { return };
    while let Some(name) = open.pop() {
        let Some(schema) = components.schemas.get_mut(&name) else { continue };
        if let RefOr::T(Schema::Object(object)) = schema
            && object.additional_properties.is_none()
            && !object.properties.is_empty()
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        open.extend(schema_names(schema));
    }
}

/// The names of the schemas that a part of the document refers to. Schemas do not refer to each other in circles.
fn schema_names(part: &impl Serialize) -> Vec<String> {
    fn collect(part: &Value, names: &mut Vec<String>) {
        match part {
            Value::Object(fields) => {
                let name = fields.get("$ref").and_then(|reference| reference.as_str()?.rsplit('/').next());
                names.extend(name.map(str::to_owned));
                fields.values().for_each(|field| collect(field, names));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    collect(&serde_json::to_value(part).unwrap_or_default(), &mut names);
    names
}

/// `GET /openapi.json`
pub(super) async fn get() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap_or_default());
    Json(&DOCUMENT)
}

/// The operations of a path, each with its method.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let operations = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::OPTIONS, &mut item.options),
        (Method::HEAD, &mut item.head),
        (Method::PATCH, &mut item.patch),
        (Method::TRACE, &mut item.trace),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Completes an operation: the token that it requires, the problems that it shares with others, and the headers of every response.
pub(super) fn describe(operation: &mut Operation, access: Access) {
    operation.security = match access {
        Access::Public => Some(vec![SecurityRequirement::default()]),
        // The document's default: a token, whatever its scopes.
        Access::AnyCaller => None,
        Access::Scope(scope) => Some(vec![SecurityRequirement::new(BEARER, [scope.as_str()])]),
    };
    let problems = shared_problems(operation, access);
    problems::add(&mut operation.responses, &problems);
    add_response_headers(operation, access);
}

/// The problems that follow from the access, from a path with parameters, and from a request body.
fn shared_problems(operation: &Operation, access: Access) -> Vec<ProblemType> {
    let mut problems = Vec::new();
    if access != Access::Public {
        problems.extend([
            ProblemType::BadRequest,
            ProblemType::Unauthorized,
            ProblemType::InvalidToken,
            ProblemType::QuotaExceeded,
            ProblemType::HeadersTooLarge,
            ProblemType::Internal,
            ProblemType::Unavailable,
        ]);
    }
    if matches!(access, Access::Scope(_)) {
        problems.push(ProblemType::Forbidden);
    }
    if parameters(operation, ParameterIn::Path).next().is_some() {
        problems.push(ProblemType::NotFound);
    }
    if operation.request_body.is_some() {
        problems.extend([ProblemType::PayloadTooLarge, ProblemType::UnsupportedMediaType, ProblemType::Unprocessable]);
    }
    problems
}

/// Every response names its trace and its request. Unless the route is public, it also has the rate limit's headers.
fn add_response_headers(operation: &mut Operation, access: Access) {
    let text = |description: &str| {
        HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
    };
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let mut add =
            |name: &str, description: &str| response.headers.insert(name.to_owned(), text(description).into());
        add("x-trace-id", "The request's trace id, in hex.");
        add("x-request-id", "The request's id: the caller's `x-request-id`, or a new UUID.");
        if access != Access::Public {
            add("ratelimit-policy", "The rate limit of each principal (draft-ietf-httpapi-ratelimit-headers-11).");
            add("ratelimit", "How many requests are left, and for how many seconds.");
        }
    }
}

/// The names of the headers that an operation reads.
pub(super) fn request_headers(operation: &Operation) -> impl Iterator<Item = String> {
    parameters(operation, ParameterIn::Header)
}

/// The names of the headers that an operation's responses have.
pub(super) fn response_headers(operation: &Operation) -> impl Iterator<Item = String> {
    let responses = operation.responses.responses.values();
    responses.flat_map(|response| match response {
        RefOr::T(response) => response.headers.keys().cloned().collect(),
        RefOr::Ref(_) => Vec::new(),
    })
}

fn parameters(operation: &Operation, place: ParameterIn) -> impl Iterator<Item = String> {
    let parameters = operation.parameters.iter().flatten();
    parameters.filter_map(move |parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == place => Some(parameter.name.clone()),
        _ => None,
    })
}
