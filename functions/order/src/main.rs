//! The order function.

use std::process::ExitCode;

use chassis::identity::AllowedCallers;
use order::{Saga, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::Config { critical_routes: &["/orders"] }.init()?;
        let saga = Saga::from_env().await?;
        let app = AllowedCallers::from_env()?.guard(http::app(saga));
        chassis::http::serve(telemetry, app).await
    })
}
