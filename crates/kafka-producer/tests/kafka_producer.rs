//! The producer against a broker in this process, which fails as the test wants.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use aws_config::SdkConfig;
use kafka_producer::{Brokers, Producer, SendError, Sent};
use krafka::error::ErrorCode;
use krafka::testing::{ApiKey, Control, FakeBroker};

const TOPIC: &str = "order-notifications";

async fn start() -> (FakeBroker, Producer) {
    let broker = FakeBroker::start().await.unwrap();
    broker.create_topic(TOPIC, 1);
    let producer = Producer::new(Brokers::Plain(broker.bootstrap_servers()), SdkConfig::builder().build());
    (broker, producer)
}

async fn send(producer: &Producer) -> Result<Sent, SendError> {
    producer.send(TOPIC, "order", b"event".to_vec(), []).await
}

#[tokio::test]
async fn producer_that_failed_fatally_is_replaced_within_the_same_send() {
    for code in [
        ErrorCode::ProducerFenced,
        ErrorCode::InvalidProducerEpoch,
        ErrorCode::ClusterAuthorizationFailed,
        ErrorCode::UnsupportedVersion,
    ] {
        let (broker, producer) = start().await;
        assert_eq!(send(&producer).await.unwrap(), Sent { partition: 0, offset: 0 });
        // The client itself repeats a request with a wrong epoch once.
        let times = if code == ErrorCode::InvalidProducerEpoch { 2 } else { 1 };
        broker.on_times(ApiKey::Produce, times, move |_| Control::Error(code));
        assert_eq!(send(&producer).await.unwrap(), Sent { partition: 0, offset: 1 }, "{code:?}");
        assert_eq!(send(&producer).await.unwrap(), Sent { partition: 0, offset: 2 }, "{code:?}");
    }
}

#[tokio::test]
async fn producer_that_is_refused_works_again_once_the_broker_accepts_it() {
    let (broker, producer) = start().await;
    broker.on(ApiKey::InitProducerId, |_| Control::Error(ErrorCode::ClusterAuthorizationFailed));
    for _ in 0..2 {
        let error = send(&producer).await.unwrap_err();
        assert!(matches!(error, SendError::Connect(_) | SendError::Refused(_)), "{error:?}");
    }
    broker.clear_hooks();
    send(&producer).await.unwrap();
}

#[tokio::test]
async fn connection_that_broke_between_two_sends_costs_no_failure() {
    let (broker, producer) = start().await;
    send(&producer).await.unwrap();
    // Closes every connection.
    broker.crash(0);
    broker.restart(0);
    assert_eq!(send(&producer).await.unwrap(), Sent { partition: 0, offset: 1 });
}
