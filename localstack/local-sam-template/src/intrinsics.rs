//! Resolves intrinsic functions: `Ref`, `Fn::GetAtt` and `Fn::Sub`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use crate::{Resources, Template};

/// The value of `AWS::StackName`.
const STACK_NAME: &str = "local";

/// The inputs of a deployment that are not in the template.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    /// The Lambda emulator, for example `http://127.0.0.1:9000`: base of the Lambda API and of the function URLs.
    pub lambda_url: String,
    /// Values of the template's parameters. Those with a `Default` may be left out.
    pub parameters: BTreeMap<String, String>,
}

/// Everything that an intrinsic function can refer to.
pub(crate) struct Resolver<'a> {
    pub(crate) template: &'a Template,
    pub(crate) resources: &'a Resources,
    pub(crate) deployment: &'a Deployment,
}

impl Resolver<'_> {
    /// A copy of `value` with every intrinsic function replaced by its result.
    pub(crate) fn resolve(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::Object(object) => match intrinsic(object) {
                Some(("Ref", argument)) => {
                    let name = argument.as_str().context("Ref needs a name")?;
                    self.reference(name)?.into()
                }
                Some(("Fn::GetAtt", argument)) => {
                    let names = argument.as_array().map(Vec::as_slice).unwrap_or_default();
                    let [Value::String(resource), Value::String(attribute)] = names else {
                        bail!("GetAtt needs a resource and an attribute, not {argument}");
                    };
                    self.attribute(resource, attribute)?.into()
                }
                Some(("Fn::Sub", argument)) => {
                    let text =
                        argument.as_str().context("the local stack does not support Sub with a map of variables")?;
                    self.substitute(text)?.into()
                }
                Some((name, _)) => bail!("the local stack does not support {name}"),
                None => {
                    let resolve = |(key, value): (&String, &Value)| {
                        let value = self.resolve(value).with_context(|| key.clone())?;
                        Ok((key.clone(), value))
                    };
                    object.iter().map(resolve).collect::<Result<Map<_, _>>>()?.into()
                }
            },
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect::<Result<_>>()?,
            scalar => scalar.clone(),
        })
    }

    fn reference(&self, name: &str) -> Result<String> {
        if let Some(table) = self.resources.tables.get(name) {
            return Ok(table.name.clone());
        }
        if let Some(queue) = self.resources.queues.get(name) {
            return Ok(queue.url.clone());
        }
        match name {
            "AWS::Region" => return Ok(self.resources.region.clone()),
            "AWS::AccountId" => return Ok(self.resources.account_id.clone()),
            "AWS::Partition" => return Ok("aws".into()),
            "AWS::StackName" => return Ok(STACK_NAME.into()),
            _ => {}
        }
        if let Some(parameter) = self.template.document["Parameters"].get(name) {
            if let Some(value) = self.deployment.parameters.get(name) {
                return Ok(value.clone());
            }
            let default = parameter.get("Default").and_then(scalar_text);
            return default.with_context(|| format!("the parameter {name} has neither a value nor a Default"));
        }
        self.template
            .binary_of(name)?
            .with_context(|| format!("!Ref {name}: the local stack has no resource or parameter of this name"))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String> {
        let found = if let Some(table) = self.resources.tables.get(resource) {
            match attribute {
                "Arn" => Some(table.arn.clone()),
                "StreamArn" => table.stream_arn.clone(),
                _ => None,
            }
        } else if let Some(queue) = self.resources.queues.get(resource) {
            match attribute {
                "Arn" => Some(queue.arn.clone()),
                "QueueName" => Some(queue.name.clone()),
                "QueueUrl" => Some(queue.url.clone()),
                _ => None,
            }
        } else if let Some(binary) = self.template.binary_of(resource)? {
            (attribute == "Arn").then(|| self.resources.function_arn(&binary))
        } else if let Some(function) = resource.strip_suffix("Url") {
            // SAM creates a resource named <function>Url for a FunctionUrlConfig.
            let binary = self.template.binary_of(function)?.filter(|_| attribute == "FunctionUrl");
            binary.map(|binary| format!("{}/lambda-url/{binary}/", self.deployment.lambda_url))
        } else if let Some(function) = resource.strip_suffix("Role") {
            // SAM creates a resource named <function>Role for the role that a function runs as.
            let binary = self.template.binary_of(function)?.filter(|_| attribute == "Arn");
            binary.map(|binary| self.resources.role_arn(&binary))
        } else {
            None
        };
        found.with_context(|| format!("!GetAtt {resource}.{attribute}: the local stack has no such attribute"))
    }

    fn substitute(&self, text: &str) -> Result<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').with_context(|| format!("!Sub {text:?}: a brace is not closed"))?;
            result.push_str(before);
            match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => result.push_str(&format!("${{{literal}}}")),
                (None, Some((resource, attribute))) => result.push_str(&self.attribute(resource, attribute)?),
                (None, None) => result.push_str(&self.reference(name)?),
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// The logical ids that a value refers to by `Ref` or `GetAtt`.
pub(crate) fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(object) => match intrinsic(object) {
            Some(("Ref", name)) => name.as_str().into_iter().collect(),
            Some(("Fn::GetAtt", names)) => names[0].as_str().into_iter().collect(),
            _ => object.values().flat_map(references).collect(),
        },
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// A scalar as CloudFormation passes it to a service: as text.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The name and the argument of an intrinsic function, or `None` for any other object.
fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}
