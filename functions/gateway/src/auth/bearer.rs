//! The token in the `Authorization` header.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use wire::problem::{Problem, ProblemType};

use crate::auth::MAX_TOKEN;

/// The token of the only `Authorization` header ([RFC 6750, section 2.1]); tokens in a body or a query string are ignored. A token with
/// characters that no token can have is `None`.
///
/// API Gateway joins several headers with commas; the result is `None` too.
///
/// # Errors
/// `Unauthorized` without a token, `BadRequest` with several headers, `HeadersTooLarge` if one has more than [`MAX_TOKEN`] bytes.
///
/// [RFC 6750, section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let missing = || Problem::new(ProblemType::Unauthorized, "there is no bearer token");
    let values = headers.get_all(AUTHORIZATION);
    if values.iter().any(|value| value.len() > MAX_TOKEN) {
        let detail = format!("the Authorization header can have at most {MAX_TOKEN} bytes");
        return Err(Problem::new(ProblemType::HeadersTooLarge, detail));
    }
    let mut values = values.iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Problem::new(ProblemType::BadRequest, "only one Authorization header is allowed"));
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(missing());
    }
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/".contains(&c);
    Ok(token.trim_end_matches('=').bytes().all(allowed).then_some(token))
}
