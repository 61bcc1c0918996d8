//! Calls from one function to another.

use anyhow::anyhow;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use chassis::client::{NoAnswer, Transport};
use http::{Request, Response, StatusCode};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::simulation::{CallError, Simulation, Target};

/// Larger than the response of any function, in bytes.
const MAX_RESPONSE: usize = 1 << 20;

/// A transport that invokes a function.
pub(super) fn transport(simulation: &Simulation, function: &'static str, router: Router) -> Transport {
    let simulation = simulation.clone();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (simulation, router) = (simulation.clone(), router.clone());
        async move { call(&simulation, function, router, request).await }
    }))
}

async fn call(
    simulation: &Simulation,
    function: &'static str,
    router: Router,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, NoAnswer> {
    let description = format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
    let invoke = {
        let simulation = simulation.clone();
        move || {
            let (simulation, router) = (simulation.clone(), router.clone());
            let request = request.clone().map(Body::from);
            async move { simulation.invoke(function, handle(router, request)).await.flatten() }
        }
    };
    match simulation.call(Target::Function, || description.clone(), invoke).await {
        Ok(Some(response)) => {
            simulation.log("response", || {
                format!("{} {} to {description}", response.status(), String::from_utf8_lossy(response.body()))
            });
            Ok(response)
        }
        // The invocation crashed or timed out.
        Ok(None) => Ok(empty_response(StatusCode::BAD_GATEWAY)),
        Err(CallError::Transient) => Ok(empty_response(StatusCode::SERVICE_UNAVAILABLE)),
        Err(CallError::ConnectionLost) => Err(NoAnswer::Disconnected(anyhow!("the peer closed it"))),
    }
}

async fn handle(router: Router, request: Request<Body>) -> Option<Response<Bytes>> {
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_RESPONSE).await.ok()?;
    Some(Response::from_parts(parts, body))
}

fn empty_response(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
