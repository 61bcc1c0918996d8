//! What a template's intrinsic functions stand for.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::{Resources, Template};

/// `AWS::StackName` of the local stack.
const STACK_NAME: &str = "local";

/// What the template cannot know about this machine.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// The Lambda emulator, for example `http://127.0.0.1:9000`: base of the Lambda API and of the function URLs.
    pub lambda_url: String,
    /// Values of the template's parameters; those with a `Default` may be left out.
    pub parameters: BTreeMap<String, String>,
}

/// Everything that a reference in a template can name.
pub(crate) struct Scope<'a> {
    pub(crate) template: &'a Template,
    pub(crate) resources: &'a Resources,
    pub(crate) local: &'a Local,
}

impl Scope<'_> {
    /// A copy of `value` with every intrinsic function in it replaced by what it stands for.
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
                    let text = argument.as_str().context("Sub with a map of variables is not supported here")?;
                    self.substitute(text)?.into()
                }
                Some((name, _)) => bail!("{name} is not supported here"),
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
            if let Some(value) = self.local.parameters.get(name) {
                return Ok(value.clone());
            }
            let default = parameter.get("Default").and_then(scalar_text);
            return default.with_context(|| format!("the parameter {name} has neither a value nor a Default"));
        }
        self.template.binary_of(name)?.with_context(|| format!("!Ref {name}: nothing of this name exists locally"))
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
            // SAM makes a resource named <function>Url of a function's FunctionUrlConfig.
            let binary = self.template.binary_of(function)?.filter(|_| attribute == "FunctionUrl");
            binary.map(|binary| format!("{}/lambda-url/{binary}/", self.local.lambda_url))
        } else if let Some(function) = resource.strip_suffix("Role") {
            // And one named <function>Role of the role that a function runs as.
            let binary = self.template.binary_of(function)?.filter(|_| attribute == "Arn");
            binary.map(|binary| self.resources.role_arn(&binary))
        } else {
            None
        };
        found.with_context(|| format!("!GetAtt {resource}.{attribute}: nothing of this name exists locally"))
    }

    fn substitute(&self, text: &str) -> Result<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').with_context(|| format!("!Sub {text:?}: a brace is never closed"))?;
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

/// A scalar as CloudFormation passes it on to a service: as text.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The name and argument of an object that is an intrinsic function.
fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}
