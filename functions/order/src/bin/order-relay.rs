//! The order-relay function: relays events from the orders table's stream to Kafka.

use std::process::ExitCode;

use chassis::{aws, config};
use kafka_producer::{Brokers, Producer};
use lambda_runtime::{LambdaEvent, service_fn};
use order::Store;
use order::relay::{self, KafkaTopic};
use telemetry::Trigger;

fn main() -> ExitCode {
    chassis::main(async {
        let telemetry = telemetry::init()?;
        let sdk_config = aws::sdk_config().await;
        // `ORDERS_TABLE`: the table of orders, with their outboxes.
        let store = Store::new(aws::dynamodb(&sdk_config), config::required("ORDERS_TABLE")?);
        // `KAFKA_BOOTSTRAP_SERVERS` or `MSK_CLUSTER_ARN`: the cluster. `ORDER_NOTIFICATIONS_TOPIC`: the topic of order events.
        let producer = Producer::new(Brokers::from_env()?, sdk_config);
        let topic = KafkaTopic { producer, name: config::required("ORDER_NOTIFICATIONS_TOPIC")? };
        let (store, topic) = (&*Box::leak(Box::new(store)), &*Box::leak(Box::new(topic)));
        let handler = service_fn(move |event: LambdaEvent<_>| relay::relay(store, topic, event.payload));
        telemetry.run(Trigger::Datasource, handler).await
    })
}
