//! One invocation through sam: the function with its event, and the response.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use local_sam_template::Template;
use serde_json::Value;

use crate::root;

/// A function that can be invoked, and the event to invoke it with.
pub struct Invocation {
    pub(super) logical_id: String,
    pub(super) event: PathBuf,
}

impl Invocation {
    /// For a function's name or logical id, and the file with the event: its sample event in `events/`, unless another is
    /// given.
    ///
    /// # Errors
    /// When template.yaml has no such function (the error lists them), or the file cannot be read or is not JSON.
    pub fn new(template: &Template, function: &str, event: Option<&Path>) -> Result<Self> {
        let functions = template.declared_functions()?;
        let Some(found) = functions.iter().find(|it| it.name == function || it.logical_id == function) else {
            let names: Vec<_> = functions.iter().map(|function| function.name.as_str()).collect();
            bail!("template.yaml has no function `{function}`; FUNCTION is one of: {}", names.join(", "));
        };
        let sample = || root().join("events").join(format!("{}.json", found.name));
        let event = event.map_or_else(sample, Path::to_owned);
        let text = std::fs::read(&event).with_context(|| format!("cannot read the event {}", event.display()))?;
        serde_json::from_slice::<Value>(&text).with_context(|| format!("the event {} is not JSON", event.display()))?;
        let event = event.canonicalize().with_context(|| format!("cannot find {}", event.display()))?;
        Ok(Self { logical_id: found.logical_id.clone(), event })
    }
}

/// What a function responded.
pub struct Response {
    /// The response, which is JSON.
    pub text: String,
}

impl Response {
    pub(super) fn new(text: String) -> Self {
        Self { text: text.trim().to_owned() }
    }

    /// Whether the function failed, instead of returning a response. sam's exit code does not say so.
    pub fn is_error(&self) -> bool {
        serde_json::from_str::<Value>(&self.text)
            .is_ok_and(|response| response["errorType"].is_string() && response["errorMessage"].is_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(function: &str, event: Option<&str>) -> Result<Invocation> {
        Invocation::new(&crate::template()?, function, event.map(Path::new))
    }

    fn error(function: &str, event: Option<&str>) -> String {
        invocation(function, event).err().map(|error| format!("{error:#}")).unwrap()
    }

    #[test]
    fn function_gets_its_sample_event_unless_another_is_given() {
        let invocation = |function, event| invocation(function, event).unwrap();
        let events = root().join("events").canonicalize().unwrap();
        let by_name = invocation("order-relay", None);
        assert_eq!((&*by_name.logical_id, by_name.event), ("OrderRelayFunction", events.join("order-relay.json")));
        assert_eq!(invocation("OrderRelayFunction", None).logical_id, "OrderRelayFunction");
        let other = events.join("payment.json");
        assert_eq!(invocation("order", other.to_str()).event, other);
    }

    #[test]
    fn unknown_function_is_an_error_that_lists_the_functions() {
        let error = error("checkout", None);
        assert!(error.contains("`checkout`") && error.contains("gateway, inventory"), "{error}");
    }

    #[test]
    fn event_that_is_not_json_is_an_error_that_names_the_file() {
        assert!(error("order", Some("nowhere.json")).contains("cannot read the event nowhere.json"));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(error("order", Some(manifest)).contains("Cargo.toml is not JSON"));
    }

    #[test]
    fn response_with_type_and_message_of_an_error_is_an_error() {
        let is_error = |text: &str| Response::new(text.to_owned()).is_error();
        assert!(is_error(r#"{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}"#));
        assert!(!is_error(r#"{"batchItemFailures":[]}"#) && !is_error(r#"{"statusCode":500,"body":""}"#));
    }
}
