//! The order-relay function: events from the orders table's stream to Kafka.

use std::process::ExitCode;

use function::{aws, config};
use kafka::{Brokers, Producer};
use lambda_runtime::{LambdaEvent, service_fn};
use order::relay;
use telemetry::Trigger;

fn main() -> ExitCode {
    function::main(async {
        let telemetry = telemetry::init()?;
        // `KAFKA_BOOTSTRAP_SERVERS` or `MSK_CLUSTER_ARN`: the cluster.
        let producer = Producer::new(Brokers::from_env()?, aws::sdk_config().await);
        // `ORDER_NOTIFICATIONS_TOPIC`: the topic of order events.
        let topic: String = config::required("ORDER_NOTIFICATIONS_TOPIC")?;
        let (producer, topic) = (&*Box::leak(Box::new(producer)), &*topic.leak());
        let handler = service_fn(move |event: LambdaEvent<_>| relay::relay(producer, topic, event.payload));
        telemetry.run(Trigger::Datasource, handler).await
    })
}
