//! What is asked a second time, and when.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};

use crate::client::NoAnswer;

/// Whether asking again can do no harm, and may help.
///
/// What was never sent can be sent by any method. What may have been carried out can only be sent by a method that makes no
/// difference the second time ([RFC 9110, section 9.2.2]). An answer that says when to come back is taken at its word: its
/// service is alive, and a second request at once would not find it better.
///
/// [RFC 9110, section 9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
pub(super) fn is_worthwhile(method: &Method, sent: &Result<Response<Bytes>, NoAnswer>) -> bool {
    match sent {
        Err(NoAnswer::Connect(_)) => true,
        Err(NoAnswer::Timeout | NoAnswer::Other(_)) => method.is_idempotent(),
        Ok(response) => {
            let passing = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
            let says_when = response.headers().contains_key(header::RETRY_AFTER);
            method.is_idempotent() && passing.contains(&response.status()) && !says_when
        }
    }
}

/// A pause before the second request, by chance, so that those who failed together don't come back together.
pub(super) fn pause() -> Duration {
    Duration::from_millis(fastrand::u64(50..=150))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn answer(status: u16) -> Result<Response<Bytes>, NoAnswer> {
        Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
    }

    #[test]
    fn only_what_is_safe_is_asked_again() {
        for (method, safe) in [(Method::GET, true), (Method::PUT, true), (Method::POST, false)] {
            for failed in [Err(NoAnswer::Timeout), Err(NoAnswer::Other(anyhow!("broke off"))), answer(502), answer(504)]
            {
                assert_eq!(is_worthwhile(&method, &failed), safe, "{method} {failed:?}");
            }
            assert!(is_worthwhile(&method, &Err(NoAnswer::Connect(anyhow!("refused")))), "never sent: {method}");
            for answered in [200, 201, 400, 404, 409, 429, 500, 501] {
                assert!(!is_worthwhile(&method, &answer(answered)), "{method} {answered}");
            }
        }
    }

    #[test]
    fn an_answer_that_says_when_to_come_back_is_an_answer() {
        assert!(is_worthwhile(&Method::GET, &answer(503)));
        let later = answer(503).map(|mut response| {
            response.headers_mut().insert(header::RETRY_AFTER, 2.into());
            response
        });
        assert!(!is_worthwhile(&Method::GET, &later));
    }
}
