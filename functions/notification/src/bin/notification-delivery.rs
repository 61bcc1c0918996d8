//! The notification-delivery function: delivers the jobs of the queue.

use std::process::ExitCode;

use chassis::config;
use lambda_runtime::{LambdaEvent, service_fn};
use notification::{Delivery, sqs};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, delivery) = config::all((telemetry::init(), Delivery::from_env().await))?;
        let delivery = &*Box::leak(Box::new(delivery));
        let handler = service_fn(move |event: LambdaEvent<_>| sqs::handle(delivery, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}
