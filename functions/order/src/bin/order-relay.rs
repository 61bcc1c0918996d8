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
        let (telemetry, sdk_config, table, brokers, name) = config::all((
            telemetry::init(),
            aws::sdk_config().await,
            // The table of orders, with their outboxes.
            config::required("ORDERS_TABLE"),
            // `KAFKA_BOOTSTRAP_SERVERS` or `MSK_CLUSTER_ARN`: the cluster.
            Brokers::from_env(),
            // The topic of order events.
            config::required("ORDER_NOTIFICATIONS_TOPIC"),
        ))?;
        let store = Store::new(aws::dynamodb(&sdk_config), table);
        let topic = KafkaTopic { producer: Producer::new(brokers, sdk_config), name };
        let (store, topic) = (&*Box::leak(Box::new(store)), &*Box::leak(Box::new(topic)));
        let handler = service_fn(move |event: LambdaEvent<_>| relay::relay(store, topic, event.payload));
        telemetry.run(Trigger::Datasource, handler).await
    })
}
