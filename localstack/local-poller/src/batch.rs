//! A function's answer about its batch.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The records that failed, by what identifies them in this kind of source; `None` for an answer that cannot be understood,
/// which AWS takes as a failure of the whole batch.
///
/// No answer, `null`, `{}` and an empty list are success,
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>.
pub(crate) fn failures<I: DeserializeOwned>(answer: &[u8]) -> Option<Vec<I>> {
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

    if answer.is_empty() {
        return Some(Vec::new());
    }
    let response: Option<Response<I>> = serde_json::from_slice(answer).ok()?;
    let failures = response.and_then(|response| response.batch_item_failures).unwrap_or_default();
    Some(failures.into_iter().map(|failure| failure.item_identifier).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_success_and_what_does_not() {
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
