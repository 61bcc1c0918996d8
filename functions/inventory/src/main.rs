//! The inventory function.

use std::process::ExitCode;

use chassis::identity::AllowedCallers;
use chassis::{aws, config};
use inventory::{Store, http};

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, sdk_config, table, allowed_callers) = config::all((
            telemetry::init(),
            aws::sdk_config().await,
            // The table of products and settlements.
            config::required("INVENTORY_TABLE"),
            AllowedCallers::from_env(),
        ))?;
        let store = Store::new(aws::dynamodb(&sdk_config), table);
        chassis::http::serve(telemetry, allowed_callers.guard(http::app(store))).await
    })
}
