//! The gateway function.

use std::process::ExitCode;

use chassis::config;
use gateway::{Gateway, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::Config { critical_routes: http::CRITICAL_ROUTES }.init();
        let (telemetry, gateway) = config::all((telemetry, Gateway::from_env().await))?;
        chassis::http::serve(telemetry, http::app(gateway)).await
    })
}
