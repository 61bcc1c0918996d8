//! What an invocation's ARN says about the function.

use lambda_runtime::Context;

/// Attributes of the invoked function, as far as they are known: an emulator gives no ARN, or none of Lambda's form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// `aws.lambda.invoked_arn`
    pub(crate) invoked_arn: Option<String>,
    /// `cloud.account.id`
    pub(crate) account_id: Option<String>,
    /// `cloud.resource_id`: the ARN with the version that an alias stands for, as the [FaaS conventions] want it.
    ///
    /// [FaaS conventions]: https://opentelemetry.io/docs/specs/semconv/resource/cloud/
    pub(crate) resource_id: Option<String>,
}

impl Function {
    pub(crate) fn of(context: &Context) -> Self {
        let arn = context.invoked_function_arn.as_str();
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", _, "lambda", _, account_id, "function", name, qualifier @ ..] = &parts[..] else {
            return Self::default();
        };
        let unqualified = arn.split_inclusive(':').take(6).collect::<String>() + name;
        let version = &context.env_config.version;
        let resource_id = if qualifier.is_empty() { unqualified } else { format!("{unqualified}:{version}") };
        Self {
            invoked_arn: Some(arn.to_owned()),
            account_id: Some(account_id.to_string()),
            resource_id: Some(resource_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn function(arn: &str) -> Function {
        let config = lambda_runtime::Config { version: "7".into(), ..Default::default() };
        let mut context = Context::default();
        (context.invoked_function_arn, context.env_config) = (arn.to_owned(), Arc::new(config));
        Function::of(&context)
    }

    #[test]
    fn an_alias_is_replaced_by_the_version_it_stands_for() {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:order";
        let plain = function(arn);
        assert_eq!((plain.account_id.as_deref(), plain.resource_id.as_deref()), (Some("123456789012"), Some(arn)));
        let live = function(&format!("{arn}:live"));
        assert_eq!(live.invoked_arn, Some(format!("{arn}:live")));
        assert_eq!(live.resource_id, Some(format!("{arn}:7")));
    }

    #[test]
    fn an_emulators_text_is_no_arn() {
        for arn in ["", "function-arn", "No header lambda-runtime-invoked-function-arn found.", "arn:aws:s3:::bucket"] {
            assert_eq!(function(arn), Function::default(), "{arn}");
        }
    }
}
