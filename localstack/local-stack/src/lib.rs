//! The local stack: everything that AWS is to the functions, as processes on this machine.
//!
//! [`Stack::start`] brings up the emulators, the broker, the collector, the trace viewer, several copies of every
//! function and the event source mappings' poller; the end-to-end tests, `make up` and `make demo` all run this one
//! thing.

pub mod catalogue;
pub mod cli;
mod config;
pub mod demo;
mod emulators;
mod endpoints;
mod front;
mod functions;
mod kafka;
mod lifecycle;
mod ports;
mod process;
mod progress;
mod stack;
mod supervisor;
pub mod token;
mod tools;
mod wait;

use std::path::{Path, PathBuf};

use anyhow::Result;
use local_sam_template::Template;

pub use config::Config;
pub use endpoints::Endpoints;
pub use stack::Stack;
pub use supervisor::End;

/// The checkout: where template.yaml, .tools/ and .local/ are.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The checkout's `template.yaml`: the functions, triggers, tables and queues that the stack starts.
///
/// # Errors
/// When the file cannot be read or is not a template.
pub fn template() -> Result<Template> {
    Template::load(root().join("template.yaml"))
}
