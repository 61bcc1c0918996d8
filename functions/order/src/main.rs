//! The order function.

use std::process::ExitCode;

use order::{Saga, http};

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::init()?;
        let saga = Saga::from_env().await?;
        function::http::serve(telemetry, http::app(saga)).await
    })
}
