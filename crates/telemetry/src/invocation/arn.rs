//! The attributes of a function that are in its ARN.

use lambda_runtime::Context;

/// The ARN by which a function was invoked, and its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionArn {
    /// `aws.lambda.invoked_arn`
    pub(super) invoked_arn: String,
    /// `cloud.account.id`
    pub(super) account_id: String,
    /// `cloud.resource_id`: the ARN with the version in place of an alias, as the [cloud conventions] ask.
    ///
    /// [cloud conventions]: https://opentelemetry.io/docs/specs/semconv/resource/cloud/
    pub(super) resource_id: String,
}

impl FunctionArn {
    /// The ARN in an invocation's context. `None` if it is not a function's ARN: an emulator may send none, or some
    /// other text.
    pub(super) fn of(context: &Context) -> Option<Self> {
        let arn = context.invoked_function_arn.as_str();
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", _, "lambda", _, account_id, "function", name, qualifier @ ..] = &parts[..] else {
            return None;
        };
        let unqualified = arn.split_inclusive(':').take(6).collect::<String>() + name;
        let version = &context.env_config.version;
        let resource_id = if qualifier.is_empty() { unqualified } else { format!("{unqualified}:{version}") };
        Some(Self { invoked_arn: arn.to_owned(), account_id: account_id.to_string(), resource_id })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn parse(arn: &str) -> Option<FunctionArn> {
        let config = lambda_runtime::Config { version: "7".into(), ..Default::default() };
        let mut context = Context::default();
        (context.invoked_function_arn, context.env_config) = (arn.to_owned(), Arc::new(config));
        FunctionArn::of(&context)
    }

    #[test]
    fn resource_id_has_the_version_in_place_of_the_alias() {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:order";
        let unqualified = parse(arn).unwrap();
        assert_eq!((unqualified.account_id.as_str(), unqualified.resource_id.as_str()), ("123456789012", arn));
        let live = parse(&format!("{arn}:live")).unwrap();
        assert_eq!(live.invoked_arn, format!("{arn}:live"));
        assert_eq!(live.resource_id, format!("{arn}:7"));
    }

    #[test]
    fn other_text_than_a_function_arn_gives_no_attributes() {
        for arn in ["", "function-arn", "No header lambda-runtime-invoked-function-arn found.", "arn:aws:s3:::bucket"] {
            assert_eq!(parse(arn), None, "{arn}");
        }
    }
}
