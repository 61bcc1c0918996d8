//! The payment function.

use std::process::ExitCode;

use chassis::identity::AllowedCallers;
use chassis::{aws, config};
use payment::{Provider, Store, http};

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::Config { critical_routes: &["/payment"] }.init()?;
        // `PAYMENTS_TABLE`: the table of charges.
        let table = config::required("PAYMENTS_TABLE")?;
        let store = Store::new(aws::dynamodb(&aws::sdk_config().await), table);
        let provider = Provider::from_env(&store)?;
        let app = AllowedCallers::from_env()?.guard(http::app(store, provider));
        chassis::http::serve(telemetry, app).await
    })
}
