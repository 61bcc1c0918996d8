//! When a failed call is sent again.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};

use crate::client::NoAnswer;

/// How long to wait before a request is sent again, if it is.
///
/// A connection that broke is found out about when it is used: the peer may have closed it while the process was frozen, and all
/// others in the pool too. An idempotent request is therefore always sent again at once, on a new connection. Other failures are
/// retried only with `retry`.
pub(super) fn wait(
    method: &Method,
    is_idempotent: bool,
    retry: bool,
    sent: &Result<Response<Bytes>, NoAnswer>,
) -> Option<Duration> {
    match sent {
        Err(NoAnswer::Disconnected(_)) if is_idempotent => Some(Duration::ZERO),
        sent => (retry && is_retryable(method, sent)).then(backoff),
    }
}

/// Whether a retry is safe and may help.
///
/// A request that was never sent can be retried whatever its method. A request that may have been carried out is retried only if
/// its method is idempotent ([RFC 9110, section 9.2.2]). A response with `Retry-After` is not retried: the service is alive and
/// has said when to come back, so an immediate retry would fail too.
///
/// [RFC 9110, section 9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
fn is_retryable(method: &Method, sent: &Result<Response<Bytes>, NoAnswer>) -> bool {
    match sent {
        Err(NoAnswer::Connect(_)) => true,
        Err(NoAnswer::Timeout | NoAnswer::Disconnected(_) | NoAnswer::Other(_)) => method.is_idempotent(),
        Ok(response) => {
            let transient = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
            let has_retry_after = response.headers().contains_key(header::RETRY_AFTER);
            method.is_idempotent() && transient.contains(&response.status()) && !has_retry_after
        }
    }
}

/// The wait before the retry. It is random, so that clients that failed together do not retry together.
fn backoff() -> Duration {
    Duration::from_millis(fastrand::u64(50..=150))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn response(status: u16) -> Result<Response<Bytes>, NoAnswer> {
        Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
    }

    #[test]
    fn only_safe_requests_are_retried() {
        for (method, idempotent) in [(Method::GET, true), (Method::PUT, true), (Method::POST, false)] {
            let broken = Err(NoAnswer::Other(anyhow!("connection reset")));
            for failed in [Err(NoAnswer::Timeout), broken, response(502), response(504)] {
                assert_eq!(is_retryable(&method, &failed), idempotent, "{method} {failed:?}");
            }
            assert!(is_retryable(&method, &Err(NoAnswer::Connect(anyhow!("refused")))), "never sent: {method}");
            for status in [200, 201, 400, 404, 409, 429, 500, 501] {
                assert!(!is_retryable(&method, &response(status)), "{method} {status}");
            }
        }
    }

    #[test]
    fn response_with_retry_after_is_not_retried() {
        assert!(is_retryable(&Method::GET, &response(503)));
        let busy = response(503).map(|mut response| {
            response.headers_mut().insert(header::RETRY_AFTER, 2.into());
            response
        });
        assert!(!is_retryable(&Method::GET, &busy));
    }
}
