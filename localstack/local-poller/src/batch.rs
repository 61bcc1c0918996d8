//! Parses a function's partial batch response.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The identifiers of the failed records, in the form `I` of the event source. `None` if the response cannot be parsed,
/// which AWS treats as a failure of all records.
///
/// An empty response, `null`, `{}` and an empty list mean success:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
pub(crate) fn failures<I: DeserializeOwned>(response: &[u8]) -> Option<Vec<I>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<I> {
        batch_item_failures: Option<Vec<Failure<I>>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure<I> {
        item_identifier: I,
    }

    if response.is_empty() {
        return Some(Vec::new());
    }
    let response: Option<Response<I>> = serde_json::from_slice(response).ok()?;
    let failures = response.and_then(|response| response.batch_item_failures).unwrap_or_default();
    Some(failures.into_iter().map(|failure| failure.item_identifier).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_response_is_success_and_malformed_response_is_not() {
        let none: Option<Vec<String>> = Some(Vec::new());
        for success in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(failures(success.as_bytes()), none, "{success}");
        }
        for malformed in [
            "\"ok\"",
            "{",
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"id":"1"}]}"#,
        ] {
            assert_eq!(failures::<String>(malformed.as_bytes()), None, "{malformed}");
        }
        let one = br#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#;
        assert_eq!(failures(one), Some(vec!["1".to_owned()]));
    }
}
