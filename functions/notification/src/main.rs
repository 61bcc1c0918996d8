//! The notification function: turns each order event from Kafka into one job per channel.

use std::process::ExitCode;

use chassis::config;
use lambda_runtime::{LambdaEvent, service_fn};
use notification::{JobQueue, kafka};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, queue) = config::all((telemetry::init(), JobQueue::from_env().await))?;
        let queue = &*Box::leak(Box::new(queue));
        let handler = service_fn(move |event: LambdaEvent<_>| kafka::handle(queue, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}
