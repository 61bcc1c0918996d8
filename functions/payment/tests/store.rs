//! Charging against an emulated DynamoDB.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use payment::{Provider, Store, charge};
use test_dynamodb::TestDynamoDb;
use wire::payment::{Payment, PaymentStatus, ProcessPayment};
use wire::{Money, OrderId, TransactionId};

async fn store() -> Store {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("PaymentsTable").unwrap();
    Store::new(dynamodb.client, table)
}

fn request(order_id: OrderId, token: Option<&str>) -> ProcessPayment {
    ProcessPayment {
        order_id,
        amount: Money::from_minor(19_999).unwrap(),
        currency: "USD".to_owned().try_into().unwrap(),
        payment_token: token.map(str::to_owned),
    }
}

#[tokio::test]
async fn an_order_is_charged_once_and_the_first_answer_stays() {
    let store = store().await;
    let order = OrderId::new();
    let first = charge(&store, Provider::Simulated, &request(order, None)).await.unwrap();
    assert_eq!(first.status, PaymentStatus::Approved);
    let again = charge(&store, Provider::Simulated, &request(order, Some("tok_decline_expired_card"))).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(store.payment(TransactionId::of(order)).await.unwrap(), Some(first));
}

#[tokio::test]
async fn a_declined_charge_says_why() {
    let store = store().await;
    let token = Some("tok_decline_insufficient_funds");
    let payment = charge(&store, Provider::Simulated, &request(OrderId::new(), token)).await.unwrap();
    assert_eq!(payment.status, PaymentStatus::Declined);
    assert_eq!(payment.decline_reason.as_deref(), Some("insufficient_funds"));
}

#[tokio::test]
async fn a_charge_that_a_crash_left_unanswered_is_asked_again() {
    let store = store().await;
    let request = request(OrderId::new(), None);
    let begun = Payment {
        transaction_id: TransactionId::of(request.order_id),
        order_id: request.order_id,
        status: PaymentStatus::Processing,
        amount: request.amount,
        currency: request.currency.clone(),
        decline_reason: None,
    };
    store.begin(begun).await.unwrap();
    assert_eq!(charge(&store, Provider::Simulated, &request).await.unwrap().status, PaymentStatus::Approved);
}
