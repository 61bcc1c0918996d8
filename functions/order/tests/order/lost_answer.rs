//! DynamoDB's answer to the write that records a new order is lost.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use order::Store;
use order::recovery::recover;

use crate::fixture::{Fixture, ORDER, RUN, late};

/// Loses every answer. Placing an order without a key makes one call to DynamoDB before its answer.
#[derive(Debug)]
struct LostAnswers;

#[dyn_dispatch_hint]
impl Intercept for LostAnswers {
    fn name(&self) -> &'static str {
        "LostAnswers"
    }

    fn modify_before_deserialization(
        &self,
        _context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Err("the connection broke".into())
    }
}

#[tokio::test]
async fn caller_is_told_the_id_of_an_order_that_may_have_been_placed() {
    let mut fixture = Fixture::with_stock(4).await;
    let config = fixture.dynamodb.client.config().to_builder().interceptor(LostAnswers).build();
    let sees = fixture.saga.store.clone();
    fixture.saga.store = Store::new(Client::from_conf(config), fixture.dynamodb.table("OrdersTable").unwrap());
    let answer = fixture.place(None, ORDER).await;
    assert_eq!(answer.short(), (503, "unavailable"));
    let id = answer.order_id();

    fixture.saga.store = sees;
    assert_eq!(fixture.get(id).await.short(), (200, "PENDING"));
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(id).await.short(), (200, "CONFIRMED"));
}
