//! URLs as they may be recorded. Callers choose what is in them: somebody will put a card's number or an e-mail address there.
//!
//! The [URL conventions] let instrumentation scrub what it knows to be sensitive, and `REDACTED` is their word for it.
//!
//! [URL conventions]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/

use http::Uri;

const REDACTED: &str = "REDACTED";

/// The longest segment of a path that is recorded: an id's greatest length, and less than any signed token's.
const MAX_SEGMENT: usize = 64;

/// From so many digits in a row on it may be a card's number. A UUID has at most 12.
const CARD: usize = 13;

/// A path whose segments are ids, or else `REDACTED`.
pub(crate) fn path(path: &str) -> String {
    path.split('/').map(|segment| if is_plain(segment) { segment } else { REDACTED }).collect::<Vec<_>>().join("/")
}

/// A whole URL, its path as [`path`] has it, its query without its values, and without credentials.
pub(crate) fn url(uri: &Uri) -> String {
    let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default());
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let query = uri.query().map(|query| {
        let names = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
        format!("?{}", names.map(|name| format!("{name}={REDACTED}")).collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{host}{port}{}{}", path(uri.path()), query.unwrap_or_default())
}

fn is_plain(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-{}".contains(&byte);
    let digits = segment.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    segment.len() <= MAX_SEGMENT && segment.bytes().all(allowed) && digits.is_none_or(|digits| digits < CARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_and_nothing_else() {
        for kept in ["/api/orders/019ab2a4-6a00-7c3e-8f21-123456789012", "/api/inventory/PROD-123", "/", "/.rt/next"] {
            assert_eq!(path(kept), kept);
        }
        let token = format!("/api/{}", "x".repeat(65));
        for scrubbed in ["/api/jane%40shop.example", "/api/4242424242424242", "/api/PROD-4242424242424242", &token] {
            assert_eq!(path(scrubbed), "/api/REDACTED", "{scrubbed}");
        }
    }

    #[test]
    fn a_url_keeps_the_names_of_its_query_and_no_credentials() {
        let uri = "http://user:secret@order.test:8080/orders?user_id=USER-001&cursor=abc&x".parse().unwrap();
        assert_eq!(url(&uri), "http://order.test:8080/orders?user_id=REDACTED&cursor=REDACTED&x=REDACTED");
    }
}
