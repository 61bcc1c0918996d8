//! The notification-delivery function: delivers each job of the queue.

use std::process::ExitCode;

use chassis::{aws, config};
use lambda_runtime::{LambdaEvent, service_fn};
use notification::{Store, sqs};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        // `NOTIFICATIONS_TABLE`: the table of deliveries.
        let table = config::required("NOTIFICATIONS_TABLE")?;
        let store = &*Box::leak(Box::new(Store::new(aws::dynamodb(&aws::sdk_config().await), table)));
        let handler = service_fn(move |event: LambdaEvent<_>| sqs::handle(store, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}
