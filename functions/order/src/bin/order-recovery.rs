//! The order-recovery function: once per minute it continues with every unfinished order whose deadline has passed.

use std::process::ExitCode;

use chassis::config;
use chrono::Utc;
use lambda_runtime::{LambdaEvent, service_fn};
use order::{Saga, recovery};
use serde::de::IgnoredAny;
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, saga) = config::all((telemetry::init(), Saga::from_env().await))?;
        let saga = &*Box::leak(Box::new(saga));
        let recover = service_fn(move |_: LambdaEvent<IgnoredAny>| recovery::recover(saga, Utc::now()));
        telemetry.run(Trigger::Timer, recover).await
    })
}
