//! The order function.

use std::process::ExitCode;

use chassis::config;
use chassis::identity::AllowedCallers;
use order::{Saga, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::Config { critical_routes: &["/orders"] }.init();
        let settings = (telemetry, Saga::from_env().await, AllowedCallers::from_env());
        let (telemetry, saga, allowed_callers) = config::all(settings)?;
        chassis::http::serve(telemetry, allowed_callers.guard(http::app(saga))).await
    })
}
