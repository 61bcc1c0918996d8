//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::intrinsics::{Resolver, scalar_text};
use crate::{Deployment, EventSource, Resources, Template};

pub(crate) const TYPE: &str = "AWS::Serverless::Function";

/// SAM's defaults.
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
pub(crate) const DEFAULT_MEMORY_MB: u64 = 128;

/// A function with everything that it is started and invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its logical id in the template.
    pub logical_id: String,
    /// The binary that it runs (`Metadata.BuildProperties.Binary`), and its name in the Lambda emulator.
    pub name: String,
    /// Its ARN in the emulated account.
    pub arn: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Its configured memory in MB.
    pub memory_mb: u64,
    /// Its environment: the template's globals and its own variables, resolved.
    pub environment: BTreeMap<String, String>,
    /// What invokes it.
    pub event_sources: Vec<EventSource>,
}

impl Template {
    /// Every function, with its environment and event sources resolved against the resources that exist.
    ///
    /// # Errors
    /// Names the function, and the reference, parameter, event type or property that is not supported.
    pub fn functions(&self, resources: &Resources, deployment: &Deployment) -> Result<Vec<Function>> {
        let resolver = Resolver { template: self, resources, deployment };
        self.resources_of(TYPE)
            .map(|(id, properties)| self.function(&resolver, id, properties).with_context(|| id.to_owned()))
            .collect()
    }

    fn function(&self, resolver: &Resolver<'_>, logical_id: &str, properties: &Value) -> Result<Function> {
        let globals = &self.document["Globals"]["Function"];
        let number = |name: &str, default: u64| -> Result<u64> {
            let Some(value) = properties.get(name).or_else(|| globals.get(name)) else { return Ok(default) };
            resolver.resolve(value)?.as_u64().with_context(|| format!("{name} is not a number"))
        };
        let name = self.binary_of(logical_id)?.context("it is not a function")?;
        let mut environment = BTreeMap::new();
        for variables in [globals, properties].map(|it| &it["Environment"]["Variables"]) {
            for (variable, value) in variables.as_object().into_iter().flatten() {
                let value = resolver.resolve(value).with_context(|| format!("its variable {variable}"))?;
                let text = scalar_text(&value).with_context(|| format!("its variable {variable} is not a scalar"))?;
                environment.insert(variable.clone(), text);
            }
        }
        let event_sources = events(properties)
            .map(|(id, event)| EventSource::parse(resolver, event).with_context(|| format!("its event {id}")))
            .collect::<Result<_>>()?;
        Ok(Function {
            logical_id: logical_id.to_owned(),
            arn: resolver.resources.function_arn(&name),
            name,
            timeout: Duration::from_secs(number("Timeout", DEFAULT_TIMEOUT_SECONDS)?),
            memory_mb: number("MemorySize", DEFAULT_MEMORY_MB)?,
            environment,
            event_sources,
        })
    }

    /// The binary of the function with this logical id, or `None` if the template has no such function.
    pub(crate) fn binary_of(&self, logical_id: &str) -> Result<Option<String>> {
        let resource = &self.document["Resources"][logical_id];
        if resource["Type"] != TYPE {
            return Ok(None);
        }
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        Ok(Some(binary.with_context(|| format!("{logical_id} has no Metadata.BuildProperties.Binary"))?.to_owned()))
    }
}

/// The entries of a function's `Events`, with their names.
pub(crate) fn events(properties: &Value) -> impl Iterator<Item = (&String, &Value)> {
    properties["Events"].as_object().into_iter().flatten()
}
