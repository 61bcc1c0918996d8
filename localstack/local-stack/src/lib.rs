//! The local stack: runs the complete system on one machine. **Local only**: nothing here is deployed.
//!
//! [`Stack::start`] starts local processes in place of the AWS services that `template.yaml` refers to:
//!
//! | On AWS | Here |
//! |---|---|
//! | API Gateway, function URLs, Lambda | `cargo lambda watch`, behind a reverse proxy (`api_proxy`) |
//! | DynamoDB, DynamoDB Streams, SQS | MiniStack, or any running emulator |
//! | MSK | Apache Kafka, one node, or any running broker |
//! | Lambda's event source mappings and schedules | the [`local_poller`] |
//! | the collector layer and its backend | rotel and the [`local_trace_viewer`] |
//!
//! The functions are the same binaries as on AWS, and everything that the template declares (functions, environment
//! variables, triggers, tables, queues, topics) is read from it. `make up`, `make demo` and the end-to-end tests all
//! use this crate.
//!
//! It has no IAM, no VPC and no TLS: every process listens on 127.0.0.1 only, functions do not sign their calls, and no
//! caller is rejected for its role. It is not the product LocalStack, although its emulator speaks the same protocol on
//! the same port.

mod api_proxy;
mod aws_endpoint;
pub mod cli;
mod config;
pub mod demo;
pub mod dev;
mod emulators;
mod endpoints;
mod failures;
mod functions;
mod kafka;
mod ports;
mod process;
mod process_group;
mod progress;
pub mod readiness;
pub mod replay;
mod restartable;
pub mod sam;
pub mod sample_products;
mod stack;
mod task_group;
pub mod token;
mod tools;

use std::path::{Path, PathBuf};

use anyhow::Result;
use local_sam_template::Template;

pub use aws_endpoint::AwsEndpoint;
pub use config::Config;
pub use endpoints::{Endpoints, REGION};
pub use functions::binaries;
pub use functions::environment::adapt as adapt_environment;
pub use ports::free as free_ports;
pub use process_group::ProcessGroup;
pub use restartable::Termination;
pub use stack::{Stack, parameters};

/// The root of the checkout: the folder that contains template.yaml, .tools/ and .local/.
pub fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_owned()
}

/// The checkout's `template.yaml`: the functions, triggers, tables, queues and topics that the stack starts.
///
/// # Errors
/// When the file cannot be read or is not a template.
pub fn template() -> Result<Template> {
    Template::load(root().join("template.yaml"))
}
