//! The notification function: turns each order event from Kafka into one job per channel.

use std::process::ExitCode;

use anyhow::Context as _;
use chassis::{aws, config};
use lambda_runtime::{LambdaEvent, service_fn};
use notification::{JobQueue, ParkedQueue, kafka};
use telemetry::Trigger;
use wire::Channel;

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, sdk_config, jobs_url, parked_url, channels) = config::all((
            telemetry::init(),
            aws::sdk_config().await,
            // The queue of jobs.
            config::required("NOTIFICATION_JOBS_QUEUE_URL"),
            // The queue of records that cannot be read.
            config::required("NOTIFICATION_PARKED_QUEUE_URL"),
            channels(),
        ))?;
        let sqs = aws::sqs(&sdk_config);
        let parked = &*Box::leak(Box::new(ParkedQueue::new(sqs.clone(), parked_url)));
        let jobs = &*Box::leak(Box::new(JobQueue::new(sqs, jobs_url, channels)));
        let handler = service_fn(move |event: LambdaEvent<_>| kafka::handle(jobs, parked, event.payload));
        telemetry.run(Trigger::Pubsub, handler).await
    })
}

/// `NOTIFICATION_CHANNELS`: the names of the channels, separated by commas.
fn channels() -> anyhow::Result<Vec<Channel>> {
    let names: String = config::required("NOTIFICATION_CHANNELS")?;
    let channels = names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>();
    channels.context("NOTIFICATION_CHANNELS is wrong")
}
