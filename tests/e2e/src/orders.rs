//! What callers see of orders.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use local_stack::demo;
use serde_json::json;

use crate::api::{self, Answer, Caller};
use crate::trace;
use crate::world::World;

pub(crate) async fn whole(world: &World) -> Result<()> {
    let caller = Caller::new(world, demo::USER)?;
    let [available, reserved, sold] = caller.stock("PROD-123").await?;

    let placed = caller.order(demo::ORDER).await?;
    ensure!(placed.status == 201, "{placed:?}");
    ensure!(placed.body["status"] == "CONFIRMED" && placed.body["amount"] == 199.99, "{placed:?}");
    ensure!(caller.stock("PROD-123").await? == [available - 2, reserved, sold + 2], "two are sold");

    let order_id = placed.body["order_id"].as_str().context("order_id")?;
    let read = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(read.status == 200 && read.body == placed.body, "what is read is what was placed: {read:?}");
    let transaction_id = placed.body["transaction_id"].as_str().context("transaction_id")?;
    let payment = caller.get(&format!("/api/payments/{transaction_id}")).await?;
    ensure!(payment.body["status"] == "APPROVED" && payment.body["amount"] == 199.99, "{payment:?}");

    let notification = demo::notification(world.stack(), order_id).await?;
    ensure!(notification["order_status"] == "CONFIRMED" && notification["channel"] == "log", "{notification}");
    trace::check(world, &placed.trace_id).await
}

pub(crate) async fn out_of_stock(world: &World) -> Result<()> {
    let user = world.new_user();
    let caller = Caller::new(world, &user)?;
    let before = caller.stock("PROD-789").await?;

    let body = json!({"user_id": user, "product_id": "PROD-789", "quantity": before[0] + 1});
    let refused = caller.order(&body.to_string()).await?;
    ensure!(refused.status == 409 && refused.content_type == "application/problem+json", "{refused:?}");
    ensure!(refused.body["type"] == "urn:order-system:problem:out-of-stock", "{refused:?}");
    ensure!(caller.stock("PROD-789").await? == before, "nothing has changed");

    let order_id = refused.body["order_id"].as_str().context("order_id")?;
    let order = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(order.body["status"] == "REJECTED", "{order:?}");
    let payment = caller.get(&format!("/api/payments/TXN-{order_id}")).await?;
    ensure!(payment.status == 404, "nobody was charged: {payment:?}");
    let notification = demo::notification(world.stack(), order_id).await?;
    ensure!(notification["order_status"] == "REJECTED", "{notification}");
    Ok(())
}

pub(crate) async fn declined(world: &World) -> Result<()> {
    let user = world.new_user();
    let caller = Caller::new(world, &user)?;
    let before = caller.stock("PROD-456").await?;

    let items = json!([{"product_id": "PROD-456", "quantity": 1}, {"product_id": "PROD-123", "quantity": 1}]);
    let body = json!({"user_id": user, "items": items, "payment_token": "tok_decline_insufficient_funds"});
    let refused = caller.order(&body.to_string()).await?;
    ensure!(
        refused.status == 402 && refused.body["type"] == "urn:order-system:problem:payment-declined",
        "{refused:?}"
    );
    ensure!(caller.stock("PROD-456").await? == before, "the stock is released");
    let order_id = refused.body["order_id"].as_str().context("order_id")?;
    let order = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(order.body["status"] == "PAYMENT_FAILED", "{order:?}");
    Ok(())
}

pub(crate) async fn not_the_callers(world: &World) -> Result<()> {
    let (user, other) = (world.new_user(), world.new_user());
    let caller = Caller::new(world, &user)?;
    let order = |user: &str, amount: f64| {
        json!({"user_id": user, "product_id": "PROD-456", "quantity": 1, "amount": amount}).to_string()
    };
    let nobody = Caller::nobody(world)?.order(&order(&user, 49.9)).await?;
    ensure!(nobody.status == 401, "{nobody:?}");
    let in_anothers_name = caller.order(&order(&other, 49.9)).await?;
    ensure!(in_anothers_name.status == 403, "{in_anothers_name:?}");
    let cheaper = caller.order(&order(&user, 0.01)).await?;
    ensure!(cheaper.status == 422 && cheaper.body["type"] == "urn:order-system:problem:amount-mismatch", "{cheaper:?}");

    let placed = caller.order(&order(&user, 49.9)).await?;
    ensure!(placed.status == 201, "{placed:?}");
    let order_id = placed.body["order_id"].as_str().context("order_id")?;
    let another = Caller::new(world, &other)?;
    let (read, cancelled) = (format!("/api/orders/{order_id}"), format!("/api/orders/{order_id}/cancel"));
    let anothers = [
        another.get(&read).await?,
        another.post(&cancelled, &json!({})).await?,
        another.get(&format!("/api/payments/TXN-{order_id}")).await?,
    ];
    ensure!(anothers.iter().all(|answer| answer.status == 404), "another's order is as good as none: {anothers:?}");

    let listed = |page: &Answer| page.body["orders"].as_array().map(|orders| orders.len()).unwrap_or_default();
    let (own, anothers) = (caller.get("/api/orders").await?, another.get("/api/orders").await?);
    ensure!(listed(&own) == 1 && own.body["orders"][0] == placed.body, "{own:?}");
    ensure!(anothers.status == 200 && listed(&anothers) == 0, "{anothers:?}");
    Ok(())
}

/// Many want one product at once: as many orders are confirmed as there are pieces, and everyone else gets a 409.
pub(crate) async fn parallel(world: &World) -> Result<()> {
    const BUYERS: u64 = 36;
    const PIECES: u64 = 24;
    api::stock_up(world, "HOT-1", PIECES, 1).await?;
    let user = world.new_user();
    let caller = Caller::new(world, &user)?;
    let body = json!({"user_id": user, "product_id": "HOT-1", "quantity": 1}).to_string();
    let answers = try_join_all((0..BUYERS).map(|_| caller.order(&body))).await?;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count() as u64;
    ensure!((count(201), count(409)) == (PIECES, BUYERS - PIECES), "{answers:?}");
    ensure!(caller.stock("HOT-1").await? == [0, 0, PIECES], "all are sold, once");
    Ok(())
}
