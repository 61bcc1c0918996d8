//! The gateway function.

use std::process::ExitCode;

use gateway::{Gateway, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::Config { critical_routes: http::CRITICAL_ROUTES }.init()?;
        let sdk_config = chassis::aws::sdk_config().await;
        chassis::http::serve(telemetry, http::app(Gateway::from_env(&sdk_config)?)).await
    })
}
