//! Reads `template.yaml` for the local stack. **Local only**: nothing here is deployed.
//!
//! On AWS, SAM and CloudFormation turn the template into tables, queues and functions. This crate does the same for the
//! emulators: it creates the tables and queues, and gives every function its environment and its event sources. Tests
//! therefore run against what is deployed.
//!
//! It is not a CloudFormation implementation. It knows the resource types, properties and intrinsic functions that this
//! project uses, and any other property is an error that names it: ignoring it would make the local stack differ from
//! AWS without a warning. Resources that have no local counterpart (roles, policies, layers) are skipped.
//!
//! What the template declares can be read without an emulator ([`Template::declared_functions`],
//! [`Template::table_names`], [`Template::queue_names`], [`Template::kafka_topics`]). What needs names or ARNs that
//! only exist once something was created needs [`Template::provision`] first:
//!
//! ```no_run
//! # async fn example(sdk_config: aws_config::SdkConfig) -> anyhow::Result<()> {
//! use local_sam_template::{Deployment, Template};
//!
//! let template = Template::load("template.yaml")?;
//! let resources = template.provision(&sdk_config).await?;
//! let deployment = Deployment {
//!     lambda_url: "http://127.0.0.1:9000".into(),
//!     parameters: [("JwtIssuer".to_owned(), "http://127.0.0.1:9001".to_owned())].into(),
//! };
//! for function in template.functions(&resources, &deployment)? {
//!     println!("{} {:?}", function.name, function.environment);
//! }
//! # Ok(())
//! # }
//! ```

mod declared;
mod event_source;
mod function;
mod intrinsics;
mod provision;
mod queue;
mod table;
mod yaml;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub use declared::{DeclaredFunction, Trigger};
pub use event_source::{
    DynamoDbSource, EventSource, KafkaSource, Retries, ScheduleSource, SqsSource, StartingPosition,
};
pub use function::Function;
pub use intrinsics::Deployment;
pub use provision::{Queue, Resources, Table};

/// Reads a YAML file with one document. CloudFormation's short forms (`!Ref`) become the long ones (`{"Ref": …}`).
///
/// # Errors
/// When the file cannot be read or is not YAML.
pub fn read_yaml(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    yaml::to_json(&text).with_context(|| format!("{} is not valid YAML", path.display()))
}

/// A SAM template. The short forms of intrinsic functions (`!Ref`) are already the long ones (`{"Ref": …}`).
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
}

impl Template {
    /// Reads a template from a file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a template.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a valid template", path.display()))
    }

    /// Reads a template from its YAML text.
    ///
    /// # Errors
    /// When the text is not YAML, or has no `Resources`.
    pub fn parse(text: &str) -> Result<Self> {
        let document = yaml::to_json(text)?;
        ensure!(document["Resources"].is_object(), "it has no Resources");
        Ok(Self { document })
    }

    /// The logical id and the properties of every resource of a type, sorted by logical id.
    fn resources_of(&self, kind: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.document["Resources"].as_object().into_iter().flatten();
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(logical_id, resource)| (logical_id.as_str(), &resource["Properties"]))
    }
}
