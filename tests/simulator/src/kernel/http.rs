//! Calls from function to function.

use anyhow::anyhow;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use chassis::client::{NoAnswer, Transport};
use http::{Request, Response, StatusCode};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::kernel::{Kernel, Lost, Place};

/// A longer answer than any function gives.
const MAX_ANSWER: usize = 1 << 20;

/// The way to a function.
pub(crate) fn transport(kernel: &Kernel, name: &'static str, router: Router) -> Transport {
    let kernel = kernel.clone();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (kernel, router) = (kernel.clone(), router.clone());
        async move { send(&kernel, name, router, request).await }
    }))
}

async fn send(
    kernel: &Kernel,
    name: &'static str,
    router: Router,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, NoAnswer> {
    let what = format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
    let invoked = {
        let kernel = kernel.clone();
        move || {
            let (kernel, router, request) = (kernel.clone(), router.clone(), request.clone().map(Body::from));
            async move { kernel.invoke(name, answer(router, request)).await.flatten() }
        }
    };
    match kernel.carry(Place::Function, || what.clone(), invoked).await {
        Ok(Some(response)) => {
            kernel.note("answer", || {
                format!("{} {} to {what}", response.status(), String::from_utf8_lossy(response.body()))
            });
            Ok(response)
        }
        Ok(None) => Ok(empty(StatusCode::BAD_GATEWAY)),
        Err(Lost::Refused) => Ok(empty(StatusCode::SERVICE_UNAVAILABLE)),
        Err(Lost::Broken) => Err(NoAnswer::Other(anyhow!("the connection broke"))),
    }
}

async fn answer(router: Router, request: Request<Body>) -> Option<Response<Bytes>> {
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_ANSWER).await.ok()?;
    Some(Response::from_parts(parts, body))
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
