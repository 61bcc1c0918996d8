//! `POST /inventory/deduct`, a route of the original tutorial that no other function calls.

use anyhow::{Result, ensure};
use serde_json::json;
use uuid::Uuid;

use crate::api::{self, Caller, Response};
use crate::fixture::Fixture;

/// The route at the inventory function's URL: the gateway does not forward it.
const DEDUCT: &str = "/lambda-url/inventory/inventory/deduct";

/// A repeated deduction gets the same response and takes the units once; one above the stock changes nothing.
pub(crate) async fn idempotent(fixture: &Fixture) -> Result<()> {
    let product = fixture.product("DEDUCT");
    api::put_product(fixture, &product, 5, 1).await?;
    let caller = Caller::new(fixture, &fixture.new_user())?;
    let order_id = Uuid::new_v4();

    let first = deduct(&caller, order_id, &product).await?;
    ensure!(first.status == 200 && first.body["state"] == "CONFIRMED", "{first:?}");
    ensure!(first.body["order_id"] == order_id.to_string(), "{first:?}");
    ensure!(caller.stock(&product).await? == [2, 0, 3], "three units are sold");

    let repeated = deduct(&caller, order_id, &product).await?;
    ensure!((repeated.status, &repeated.text) == (200, &first.text), "first {first:?}, then {repeated:?}");
    ensure!(caller.stock(&product).await? == [2, 0, 3], "the repeated request deducts nothing");

    let rejected = deduct(&caller, Uuid::new_v4(), &product).await?;
    ensure!(rejected.status == 409 && rejected.content_type == "application/problem+json", "{rejected:?}");
    ensure!(rejected.problem() == "out-of-stock", "{rejected:?}");
    ensure!(caller.stock(&product).await? == [2, 0, 3], "the rejected request changes nothing");
    Ok(())
}

async fn deduct(caller: &Caller, order_id: Uuid, product: &str) -> Result<Response> {
    caller.post(DEDUCT, &json!({"order_id": order_id, "product_id": product, "quantity": 3})).await
}
