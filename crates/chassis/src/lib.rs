//! The microservice chassis: what every Lambda function in this repository needs around its own logic.
//!
//! - [`main`] starts a function, and reports a failed start in one line.
//! - [`config`] reads settings from the environment.
//! - [`http`] turns an axum router into a Lambda handler and errors into problem+json.
//! - [`identity`] says which IAM roles may call a function.
//! - [`client`] calls other services: timeout, retry, circuit breaker, AWS signature.
//! - [`aws`] makes AWS SDK clients that have timeouts and are traced.
//! - [`clock`] is the time as a parameter, so that tests can set it.
//!
//! It is a library, not a function: nothing in it knows an order, a product or a route. The types that functions exchange
//! are in the crate `wire`; spans, metrics and logs are in `telemetry`.

pub mod aws;
pub mod client;
pub mod clock;
pub mod config;
pub mod http;
pub mod identity;

use std::future::Future;
use std::process::ExitCode;

/// Runs a function until Lambda ends its environment. If the start fails, prints the error as one line.
///
/// The runtime has one thread: an environment handles one invocation at a time, and a second thread would only use memory.
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
