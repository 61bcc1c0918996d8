//! The inventory function.

use std::process::ExitCode;

use chassis::identity::AllowedCallers;
use chassis::{aws, config};
use inventory::{Store, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        // `INVENTORY_TABLE`: the table of products and settlements.
        let table = config::required("INVENTORY_TABLE")?;
        let store = Store::new(aws::dynamodb(&aws::sdk_config().await), table);
        let app = AllowedCallers::from_env()?.guard(http::app(store));
        chassis::http::serve(telemetry, app).await
    })
}
