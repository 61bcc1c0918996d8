//! The payment function.

use std::process::ExitCode;

use chassis::identity::AllowedCallers;
use chassis::{aws, config};
use payment::{ConfiguredProvider, Store, http};

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, sdk_config, table, provider, allowed_callers) = config::all((
            telemetry::Config { critical_routes: &["/payment"] }.init(),
            aws::sdk_config().await,
            // The table of charges.
            config::required("PAYMENTS_TABLE"),
            ConfiguredProvider::from_env(),
            AllowedCallers::from_env(),
        ))?;
        let store = Store::new(aws::dynamodb(&sdk_config), table);
        let provider = provider.with_store(&store);
        chassis::http::serve(telemetry, allowed_callers.guard(http::app(store, provider))).await
    })
}
