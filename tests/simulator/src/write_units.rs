//! The DynamoDB writes of one order, to count their cost.

use serde_json::json;
use tower::ServiceExt as _;

use crate::simulation::Simulation;
use crate::system::{EmptyTables, System, Write};
use crate::trial::{finish_all_orders, runtime};

/// Places an order for one unit of one product, without faults, and returns every write, up to the delivery of its
/// notification.
pub fn writes_of_one_order() -> anyhow::Result<Vec<Write>> {
    runtime()?.block_on(async {
        let tables = EmptyTables::get().await?;
        let system = System::new(&Simulation::new(0, false), tables, None, |_| {})?;
        system.add_product("PROD-123", 1_000, 1).await?;
        system.tables.record_writes();
        system.start();
        let body = json!({ "user_id": "USER-001", "product_id": "PROD-123", "quantity": 1 }).to_string();
        let request = http::Request::post("http://order/orders").header("content-type", "application/json");
        let request = request.header("idempotency-key", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"");
        let response = system.order.clone().oneshot(request.body(body.into())?).await?;
        anyhow::ensure!(response.status() == http::StatusCode::CREATED, "the order was not confirmed: {response:?}");
        anyhow::ensure!(finish_all_orders(&system, None).await?, "the order's event was not delivered");
        Ok(system.tables.take_writes())
    })
}
