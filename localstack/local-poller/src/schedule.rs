//! Schedules: invokes a function at regular intervals.

use chrono::{DateTime, SecondsFormat, Utc};
use local_sam_template::{Function, ScheduleSource};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::invoke::Lambda;

/// Invokes the function once per interval. The first invocation is after one interval.
pub(crate) async fn run(source: ScheduleSource, function: Function, lambda: Lambda, shutdown: CancellationToken) {
    let mut ticks = interval_at(Instant::now() + source.interval, source.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        lambda.invoke(&function, &event(&function, Utc::now())).await;
    }
}

/// The event that EventBridge sends for a schedule.
fn event(function: &Function, time: DateTime<Utc>) -> Value {
    let mut arn = function.arn.split(':').skip(3);
    let (region, account) = (arn.next(), arn.next());
    json!({
        "version": "0",
        "id": Uuid::now_v7(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": time.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": region,
        "resources": [format!("arn:aws:events:{}:{}:rule/{}", region.unwrap_or_default(), account.unwrap_or_default(), function.logical_id)],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    #[test]
    fn event_is_eventbridges_scheduled_event() {
        let function = Function {
            logical_id: "SweepFunction".into(),
            name: "sweep".into(),
            arn: "arn:aws:lambda:eu-central-1:000000000000:function:sweep".into(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: BTreeMap::new(),
            event_sources: Vec::new(),
        };
        let event = event(&function, DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2023-11-14T22:13:20Z");
        assert_eq!(event["region"], "eu-central-1");
        assert_eq!(event["resources"][0], "arn:aws:events:eu-central-1:000000000000:rule/SweepFunction");
    }
}
