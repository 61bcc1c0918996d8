//! The SAM template as the local stack reads it.
//!
//! `template.yaml` is the one description of the system: its tables and queues are created in the emulator from it, and its
//! functions get their environment and their event sources from it, so that what is tested is what is deployed. A property
//! that this crate does not know is therefore an error that names it, never something left out in silence.
//!
//! ```no_run
//! # async fn example(sdk_config: aws_config::SdkConfig) -> anyhow::Result<()> {
//! use local_sam_template::{Local, Template};
//!
//! let template = Template::load("template.yaml")?;
//! let resources = template.provision(&sdk_config).await?;
//! let local = Local {
//!     lambda_url: "http://127.0.0.1:9000".into(),
//!     parameters: [("JwtIssuer".to_owned(), "http://127.0.0.1:9001".to_owned())].into(),
//! };
//! for function in template.functions(&resources, &local)? {
//!     println!("{} {:?}", function.name, function.environment);
//! }
//! # Ok(())
//! # }
//! ```

mod event_source;
mod function;
mod provision;
mod queue;
mod scope;
mod table;
mod yaml;

pub use event_source::{
    DynamoDbSource, EventSource, KafkaSource, Retries, ScheduleSource, SqsSource, StartingPosition,
};
pub use function::Function;
pub use provision::{Queue, Resources, Table};
pub use scope::Local;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Reads a YAML file of one document, CloudFormation's short forms as long ones.
pub fn read_yaml(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    yaml::to_json(&text).with_context(|| format!("{} is no YAML", path.display()))
}

/// A SAM template, with the intrinsic functions' short forms (`!Ref`) already turned into the long ones (`{"Ref": …}`).
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
}

impl Template {
    /// Reads a template from a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no template", path.display()))
    }

    /// Reads a template from its YAML text.
    pub fn parse(text: &str) -> Result<Self> {
        let document = yaml::to_json(text)?;
        ensure!(document["Resources"].is_object(), "it has no Resources");
        Ok(Self { document })
    }

    /// The logical ids and properties of every resource of a type, by logical id.
    fn resources_of(&self, kind: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.document["Resources"].as_object().into_iter().flatten();
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(logical_id, resource)| (logical_id.as_str(), &resource["Properties"]))
    }
}
