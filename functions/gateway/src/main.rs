//! The gateway function.

use std::process::ExitCode;

use gateway::{Gateway, http};

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::init()?;
        function::http::serve(telemetry, http::app(Gateway::from_env()?)).await
    })
}
