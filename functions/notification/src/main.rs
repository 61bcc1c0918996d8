//! The notification function: order events from Kafka to one job a channel.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use notification::{Jobs, kafka};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        let jobs = &*Box::leak(Box::new(Jobs::from_env().await?));
        let handler = service_fn(move |event: LambdaEvent<_>| kafka::handle(jobs, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}
