//! axum extractors that reject a request with a problem.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::JsonObject;
use wire::problem::{Problem, ProblemType};

use crate::http::Error;

/// A JSON body. In a request it must be an object. Fields that `T` does not know are ignored: the functions call each other with
/// it, and during a deployment the caller may be newer.
pub struct Json<T>(pub T);

/// The JSON body of a request from outside. Like [`Json`], but a field that `T` does not know is an error, so that a caller learns of
/// a misspelled one. This is the only place that is strict: the types themselves, in bodies, events, jobs and stored items, are not.
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(|rejection| json_problem(&JsonRejection::from(rejection)))?;
        let request = Request::from_parts(parts, Body::from(bytes.clone()));
        let Json(body) = Json::from_request(request, state).await?;
        match unknown_field::<T>(&bytes) {
            None => Ok(Self(body)),
            Some(name) => Err(Problem::new(ProblemType::Unprocessable, format!("unknown field `{name}`")).into()),
        }
    }
}

/// The name of the first field in a body that `T` ignores.
fn unknown_field<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let ignored = |path: serde_ignored::Path<'_>| {
        let name = path.to_string().rsplit('.').next().unwrap_or_default().to_owned();
        unknown.get_or_insert(name);
    };
    // The body was read before, so this succeeds.
    _ = serde_ignored::deserialize::<_, _, JsonObject<T>>(&mut json, ignored);
    unknown
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(JsonObject(body))) => Ok(Self(body)),
            Err(rejection) => Err(json_problem(&rejection).into()),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    let kind = match rejection {
        JsonRejection::JsonDataError(_) => ProblemType::Unprocessable,
        JsonRejection::MissingJsonContentType(_) => ProblemType::UnsupportedMediaType,
        JsonRejection::BytesRejection(bytes) if bytes.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
            ProblemType::PayloadTooLarge
        }
        _ => ProblemType::BadRequest,
    };
    Problem::new(kind, rejection.body_text())
}

/// The parameters of the path. A parameter that does not parse is a 404, like an id that does not exist.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::bare(ProblemType::NotFound).into())
    }
}

/// The parameters of the query string. If they do not parse, the answer is a 400.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        let query = query.map_err(|rejection| Problem::new(ProblemType::BadRequest, rejection.body_text()))?;
        Ok(Self(query.0))
    }
}
