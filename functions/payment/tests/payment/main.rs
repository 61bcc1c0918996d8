//! Charging against an emulated DynamoDB, by the simulated provider and by an HTTP server that misbehaves.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod http_provider;
mod provider_server;
mod routes;
mod simulated;
mod start;

use payment::Store;
use test_dynamodb::TestDynamoDb;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Money, OrderId, TransactionId};

async fn store() -> Store {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("PaymentsTable").unwrap();
    Store::new(dynamodb.client, table)
}

/// A charge of 199.99 USD.
fn process(order_id: OrderId, token: Option<&str>) -> ProcessPayment {
    let RefundPayment { amount, currency } = undo();
    ProcessPayment { order_id, amount, currency, payment_token: token.map(|token| token.parse().unwrap()) }
}

/// The refund of such a charge.
fn undo() -> RefundPayment {
    let amount = Money::from_minor(19_999).unwrap();
    RefundPayment { amount, currency: "USD".to_owned().try_into().unwrap() }
}

/// What such a charge is recorded as.
fn payment(order_id: OrderId, status: PaymentStatus) -> Payment {
    let RefundPayment { amount, currency } = undo();
    let transaction_id = TransactionId::of(order_id);
    Payment { transaction_id, order_id, status, amount, currency, decline_reason: None }
}
