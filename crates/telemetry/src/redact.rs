//! Redaction of URLs. Callers choose what is in a URL, so sooner or later one contains a card number or an email
//! address.
//!
//! The [URL conventions] let instrumentation scrub what it knows to be sensitive, and name `REDACTED` as the
//! replacement.
//!
//! [URL conventions]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/

use http::Uri;

const REDACTED: &str = "REDACTED";

/// The longest path segment that is recorded: as long as an id may be, and shorter than any signed token.
const MAX_SEGMENT: usize = 64;

/// A card number has at least this many digits in a row; a UUID has at most 12.
const CARD_DIGITS: usize = 13;

/// The path, with every segment that does not look like an id replaced by `REDACTED`.
pub(crate) fn path(path: &str) -> String {
    path.split('/').map(|segment| if is_plain(segment) { segment } else { REDACTED }).collect::<Vec<_>>().join("/")
}

/// The URL with its path redacted as by [`path`], without credentials, and without the values of its query.
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
    segment.len() <= MAX_SEGMENT && segment.bytes().all(allowed) && digits.is_none_or(|digits| digits < CARD_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_other_than_ids_are_redacted() {
        for kept in ["/api/orders/019ab2a4-6a00-7c3e-8f21-123456789012", "/api/inventory/PROD-123", "/", "/.rt/next"] {
            assert_eq!(path(kept), kept);
        }
        let token = format!("/api/{}", "x".repeat(65));
        for redacted in ["/api/jane%40shop.example", "/api/4242424242424242", "/api/PROD-4242424242424242", &token] {
            assert_eq!(path(redacted), "/api/REDACTED", "{redacted}");
        }
    }

    #[test]
    fn url_keeps_query_names_and_loses_query_values_and_credentials() {
        let uri = "http://user:secret@order.test:8080/orders?user_id=USER-001&cursor=abc&x".parse().unwrap();
        assert_eq!(url(&uri), "http://order.test:8080/orders?user_id=REDACTED&cursor=REDACTED&x=REDACTED");
    }
}
