//! The payment function.

use std::process::ExitCode;

use function::{aws, config};
use payment::{Provider, Store, http};

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::init()?;
        // `PAYMENTS_TABLE`: the table of charges.
        let table = config::required("PAYMENTS_TABLE")?;
        // `PAYMENT_PROVIDER`: who charges; `simulated`.
        let provider: Provider = config::required("PAYMENT_PROVIDER")?;
        let store = Store::new(aws::dynamodb(&aws::sdk_config().await), table);
        function::http::serve(telemetry, http::app(store, provider)).await
    })
}
