//! The write units that an order costs in the inventory table.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use inventory::{confirm, reserve};
use wire::OrderId;

use crate::fixture::{Fixture, line};

/// Asks DynamoDB for the consumed capacity of each single-item write, and keeps the answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Vec<f64>>>);

impl Meter {
    /// The units of each write, in the order of the writes.
    pub(crate) fn units(&self) -> Vec<f64> {
        self.0.lock().unwrap().clone()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        } else if let Some(put) = input.downcast_mut::<PutItemInput>() {
            put.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = context.output_or_error().map_err(|_| "a call failed")?;
        let update = output.downcast_ref().and_then(UpdateItemOutput::consumed_capacity);
        let put = || output.downcast_ref().and_then(PutItemOutput::consumed_capacity);
        self.0.lock().unwrap().extend(update.or_else(put).and_then(|consumed| consumed.capacity_units));
        Ok(())
    }
}

#[tokio::test]
async fn an_order_of_one_line_costs_three_write_units() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    for _ in 0..3 {
        let meter = Meter::default();
        let (store, order) = (fixture.store_with(meter.clone()), OrderId::new());
        reserve(&store, order, &[line(&id, 1)]).await.unwrap().unwrap();
        confirm(&store, order, &[line(&id, 1)]).await.unwrap().unwrap();
        assert_eq!(meter.units(), [1.0, 1.0, 1.0], "hold, settlement, move");
    }
}
