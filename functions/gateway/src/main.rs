//! The gateway function.

use std::process::ExitCode;

use gateway::{Gateway, http};

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::Config { critical_routes: &["/api/orders", "/api/payments"] }.init()?;
        let sdk_config = function::aws::sdk_config().await;
        function::http::serve(telemetry, http::app(Gateway::from_env(&sdk_config)?)).await
    })
}
