//! What the tests share: an empty table, and a charge of 199.99 USD.

use payment::Store;
use test_dynamodb::TestDynamoDb;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Money, OrderId, TransactionId};

pub(crate) async fn empty_store() -> Store {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("PaymentsTable").unwrap();
    Store::new(dynamodb.client, table)
}

/// The request for the charge.
pub(crate) fn charge_request(order_id: OrderId, token: Option<&str>) -> ProcessPayment {
    let RefundPayment { amount, currency } = refund_request();
    ProcessPayment { order_id, amount, currency, payment_token: token.map(|token| token.parse().unwrap()) }
}

/// The request for its refund.
pub(crate) fn refund_request() -> RefundPayment {
    let amount = Money::from_minor(19_999).unwrap();
    RefundPayment { amount, currency: "USD".to_owned().try_into().unwrap() }
}

/// The charge as it is recorded.
pub(crate) fn payment(order_id: OrderId, status: PaymentStatus) -> Payment {
    let RefundPayment { amount, currency } = refund_request();
    let transaction_id = TransactionId::of(order_id);
    Payment { transaction_id, order_id, status, amount, currency, decline_reason: None }
}
