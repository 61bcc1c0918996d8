//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::scope::{Scope, scalar_text};
use crate::{EventSource, Local, Resources, Template};

/// SAM's defaults for a function that sets nothing.
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
const DEFAULT_MEMORY_MB: u64 = 128;

/// A function with everything that it is started and invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// The binary that it runs (`Metadata.BuildProperties.Binary`), and its name in the Lambda emulator.
    pub name: String,
    /// The ARN that the emulated account would give it.
    pub arn: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// The memory that it is configured with, in MB.
    pub memory_mb: u64,
    /// Its environment: the template's globals and its own variables, resolved.
    pub environment: BTreeMap<String, String>,
    /// What invokes it.
    pub event_sources: Vec<EventSource>,
}

impl Template {
    /// Every function, its environment and event sources resolved against what exists.
    ///
    /// # Errors
    /// Names the function and the reference, parameter, event type or property that cannot be understood.
    pub fn functions(&self, resources: &Resources, local: &Local) -> Result<Vec<Function>> {
        let scope = Scope { template: self, resources, local };
        self.resources_of("AWS::Serverless::Function")
            .map(|(id, properties)| self.function(&scope, id, properties).with_context(|| id.to_owned()))
            .collect()
    }

    fn function(&self, scope: &Scope<'_>, logical_id: &str, properties: &Value) -> Result<Function> {
        let globals = &self.document["Globals"]["Function"];
        let number = |name: &str, default: u64| -> Result<u64> {
            let Some(value) = properties.get(name).or_else(|| globals.get(name)) else { return Ok(default) };
            scope.resolve(value)?.as_u64().with_context(|| format!("{name} is no number"))
        };
        let name = self.binary_of(logical_id)?.context("not a function")?;
        let mut environment = BTreeMap::new();
        for variables in [globals, properties].map(|it| &it["Environment"]["Variables"]) {
            for (variable, value) in variables.as_object().into_iter().flatten() {
                let value = scope.resolve(value).with_context(|| format!("its variable {variable}"))?;
                let text = scalar_text(&value).with_context(|| format!("its variable {variable} is no text"))?;
                environment.insert(variable.clone(), text);
            }
        }
        let events = properties["Events"].as_object().into_iter().flatten();
        let event_sources = events
            .map(|(id, event)| EventSource::parse(scope, event).with_context(|| format!("its event {id}")))
            .collect::<Result<_>>()?;
        Ok(Function {
            logical_id: logical_id.to_owned(),
            arn: scope.resources.function_arn(&name),
            name,
            timeout: Duration::from_secs(number("Timeout", DEFAULT_TIMEOUT_SECONDS)?),
            memory_mb: number("MemorySize", DEFAULT_MEMORY_MB)?,
            environment,
            event_sources,
        })
    }

    /// The binary of the function of a logical id, or `None` where there is no function of that id.
    pub(crate) fn binary_of(&self, logical_id: &str) -> Result<Option<String>> {
        let resource = &self.document["Resources"][logical_id];
        if resource["Type"] != "AWS::Serverless::Function" {
            return Ok(None);
        }
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        Ok(Some(binary.with_context(|| format!("{logical_id} has no Metadata.BuildProperties.Binary"))?.to_owned()))
    }
}
