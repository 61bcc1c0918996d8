//! The notification function: turns each order event from Kafka into one job per channel.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use notification::{JobQueue, kafka};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        let queue = &*Box::leak(Box::new(JobQueue::from_env().await?));
        let handler = service_fn(move |event: LambdaEvent<_>| kafka::handle(queue, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}
