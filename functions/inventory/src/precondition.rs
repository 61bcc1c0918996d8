//! The precondition of a change: `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use axum::http::{HeaderMap, header};
use wire::problem::{Problem, ProblemType};

/// The state that a product must have for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `If-None-Match: *`: the product does not exist.
    Absent,
    /// `If-Match: *`: the product exists.
    Present,
    /// `If-Match: "1"`: the catalogue entry has one of these entity tags.
    Tags(Vec<String>),
}

impl Precondition {
    /// The precondition in a request's headers.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let malformed = || {
            let detail = "send one If-Match with the product's ETag, or If-None-Match: * to create a product";
            Problem::new(ProblemType::BadRequest, detail)
        };
        let mut values = headers.get_all(header::IF_MATCH).iter().map(|value| (true, value));
        let mut none_match = headers.get_all(header::IF_NONE_MATCH).iter().map(|value| (false, value));
        let Some((is_match, value)) = values.next().or_else(|| none_match.next()) else {
            return Err(Problem::bare(ProblemType::PreconditionRequired));
        };
        if values.next().is_some() || none_match.next().is_some() {
            return Err(malformed());
        }
        match (is_match, value.to_str().map_err(|_| malformed())?.trim()) {
            (true, "*") => Ok(Self::Present),
            (false, "*") => Ok(Self::Absent),
            (true, tags) => {
                let tags: Vec<&str> = tags.split(',').map(str::trim).collect();
                let is_tag = |tag: &&str| {
                    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
                    opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"')
                };
                if !tags.iter().all(is_tag) {
                    return Err(malformed());
                }
                Ok(Self::Tags(tags.into_iter().map(str::to_owned).collect()))
            }
            (false, _) => Err(malformed()),
        }
    }

    /// Whether it holds for a product with this version of its catalogue entry, or for none. A weak tag never matches.
    pub(crate) fn holds_for(&self, version: Option<u64>) -> bool {
        match (self, version) {
            (Self::Absent, version) => version.is_none(),
            (_, None) => false,
            (Self::Present, Some(_)) => true,
            (Self::Tags(tags), Some(version)) => tags.contains(&wire::inventory::etag(version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &[(header::HeaderName, &str)]) -> Result<Precondition, ProblemType> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        Precondition::from_headers(&map).map_err(|problem| problem.kind)
    }

    #[test]
    fn precondition_is_read_from_one_header() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        assert_eq!(parse(&[(IF_NONE_MATCH, "*")]), Ok(Precondition::Absent));
        assert_eq!(parse(&[(IF_MATCH, "*")]), Ok(Precondition::Present));
        let tags = parse(&[(IF_MATCH, "\"1\", W/\"2\"")]).unwrap();
        assert!(tags.holds_for(Some(1)) && !tags.holds_for(Some(2)) && !tags.holds_for(None));
        assert_eq!(parse(&[]), Err(ProblemType::PreconditionRequired));
        for bad in [
            &[(IF_MATCH, "*"), (IF_NONE_MATCH, "*")][..],
            &[(IF_MATCH, "\"1\""), (IF_MATCH, "\"2\"")],
            &[(IF_NONE_MATCH, "\"1\"")],
            &[(IF_MATCH, "1")],
            &[(IF_MATCH, "\"")],
            &[(IF_MATCH, "")],
        ] {
            assert_eq!(parse(bad), Err(ProblemType::BadRequest), "{bad:?}");
        }
    }
}
