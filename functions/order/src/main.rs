//! The order function.

use std::process::ExitCode;

use function::identity::AllowedCallers;
use order::{Saga, http};

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::Config { critical_routes: &["/orders"] }.init()?;
        let saga = Saga::from_env().await?;
        let app = AllowedCallers::from_env()?.guard(http::app(saga));
        function::http::serve(telemetry, app).await
    })
}
