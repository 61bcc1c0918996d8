//! What every function's `main.rs` wires: the start, the configuration, AWS, and for the HTTP functions the way from a router
//! to a Lambda handler and from an error to problem+json.

pub mod aws;
pub mod client;
pub mod clock;
pub mod config;
pub mod http;
pub mod identity;

use std::future::Future;
use std::process::ExitCode;

/// Runs a function until its environment ends. An error ends the start with one line that says why.
///
/// One thread serves: an environment handles one invocation at a time, and a second thread would only cost memory.
pub fn main(serve: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(serve));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
