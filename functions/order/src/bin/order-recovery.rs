//! The order-recovery function: once per minute it continues with every unfinished order whose deadline has passed. An operator
//! invokes it to see the quarantine.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use chassis::config;
use lambda_runtime::{LambdaEvent, service_fn};
use order::{Request, Saga};
use telemetry::Trigger;

/// The time of a run if the runtime gives no deadline, as the local emulator does.
const TIME: Duration = Duration::from_secs(28);

fn main() -> ExitCode {
    chassis::main(async {
        let (telemetry, saga) = config::all((telemetry::init(), Saga::from_env().await))?;
        let saga = &*Box::leak(Box::new(saga));
        let handler = service_fn(move |event: LambdaEvent<Request>| {
            let time = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(TIME);
            event.payload.handle(saga, time)
        });
        telemetry.run(Trigger::Timer, handler).await
    })
}
