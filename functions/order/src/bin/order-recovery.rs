//! The order-recovery function: once per minute it continues with every unfinished order whose deadline has passed.

use std::process::ExitCode;

use chrono::Utc;
use lambda_runtime::{LambdaEvent, service_fn};
use order::{Saga, recovery};
use serde::de::IgnoredAny;
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        let saga = &*Box::leak(Box::new(Saga::from_env().await?));
        let recover = service_fn(move |_: LambdaEvent<IgnoredAny>| recovery::recover(saga, Utc::now()));
        telemetry.run(Trigger::Timer, recover).await
    })
}
