//! Orders as callers see them.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use local_stack::demo;
use serde_json::json;

use crate::api::{self, Caller, Response};
use crate::fixture::Fixture;
use crate::trace;

pub(crate) async fn confirmed(fixture: &Fixture) -> Result<()> {
    let caller = Caller::new(fixture, demo::USER)?;
    let [available, reserved, sold] = caller.stock("PROD-123").await?;

    let placed = caller.order(demo::ORDER).await?;
    ensure!(placed.status == 201, "{placed:?}");
    ensure!(placed.body["status"] == "CONFIRMED" && placed.body["amount"] == 199.99, "{placed:?}");
    ensure!(caller.stock("PROD-123").await? == [available - 2, reserved, sold + 2], "two units are sold");

    let order_id = placed.body["order_id"].as_str().context("order_id")?;
    let read = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(read.status == 200 && read.body == placed.body, "the order reads differently than it was placed: {read:?}");
    let transaction_id = placed.body["transaction_id"].as_str().context("transaction_id")?;
    let payment = caller.get(&format!("/api/payments/{transaction_id}")).await?;
    ensure!(payment.body["status"] == "APPROVED" && payment.body["amount"] == 199.99, "{payment:?}");

    let notification = demo::notification(fixture.stack(), order_id).await?;
    ensure!(notification["order_status"] == "CONFIRMED" && notification["channel"] == "log", "{notification}");
    trace::check(fixture, &placed.trace_id).await
}

pub(crate) async fn out_of_stock(fixture: &Fixture) -> Result<()> {
    let user = fixture.new_user();
    let caller = Caller::new(fixture, &user)?;
    let before = caller.stock("PROD-789").await?;

    let body = json!({"user_id": user, "product_id": "PROD-789", "quantity": before[0] + 1});
    let rejected = caller.order(&body.to_string()).await?;
    ensure!(rejected.status == 409 && rejected.content_type == "application/problem+json", "{rejected:?}");
    ensure!(rejected.problem() == "out-of-stock", "{rejected:?}");
    ensure!(caller.stock("PROD-789").await? == before, "the stock is unchanged");

    let order_id = rejected.body["order_id"].as_str().context("order_id")?;
    let order = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(order.body["status"] == "REJECTED", "{order:?}");
    let payment = caller.get(&format!("/api/payments/TXN-{order_id}")).await?;
    ensure!(payment.status == 404, "there is a charge: {payment:?}");
    let notification = demo::notification(fixture.stack(), order_id).await?;
    ensure!(notification["order_status"] == "REJECTED", "{notification}");
    Ok(())
}

pub(crate) async fn declined(fixture: &Fixture) -> Result<()> {
    let user = fixture.new_user();
    let caller = Caller::new(fixture, &user)?;
    let before = caller.stock("PROD-456").await?;

    let items = json!([{"product_id": "PROD-456", "quantity": 1}, {"product_id": "PROD-123", "quantity": 1}]);
    let body = json!({"user_id": user, "items": items, "payment_token": "tok_decline_insufficient_funds"});
    let declined = caller.order(&body.to_string()).await?;
    ensure!(declined.status == 402 && declined.problem() == "payment-declined", "{declined:?}");
    ensure!(caller.stock("PROD-456").await? == before, "the stock is released");
    let order_id = declined.body["order_id"].as_str().context("order_id")?;
    let order = caller.get(&format!("/api/orders/{order_id}")).await?;
    ensure!(order.body["status"] == "PAYMENT_FAILED", "{order:?}");
    Ok(())
}

pub(crate) async fn other_users(fixture: &Fixture) -> Result<()> {
    let (user, other_user) = (fixture.new_user(), fixture.new_user());
    let caller = Caller::new(fixture, &user)?;
    let order = |user: &str, amount: f64| {
        json!({"user_id": user, "product_id": "PROD-456", "quantity": 1, "amount": amount}).to_string()
    };
    let unauthenticated = Caller::unauthenticated(fixture)?.order(&order(&user, 49.9)).await?;
    ensure!(unauthenticated.status == 401, "{unauthenticated:?}");
    let for_other_user = caller.order(&order(&other_user, 49.9)).await?;
    ensure!(for_other_user.status == 403, "{for_other_user:?}");
    let cheaper = caller.order(&order(&user, 0.01)).await?;
    ensure!(cheaper.status == 422 && cheaper.problem() == "amount-mismatch", "{cheaper:?}");

    let placed = caller.order(&order(&user, 49.9)).await?;
    ensure!(placed.status == 201, "{placed:?}");
    let order_id = placed.body["order_id"].as_str().context("order_id")?;
    let other = Caller::new(fixture, &other_user)?;
    let (read, cancel) = (format!("/api/orders/{order_id}"), format!("/api/orders/{order_id}/cancel"));
    let responses = [
        other.get(&read).await?,
        other.post(&cancel, &json!({})).await?,
        other.get(&format!("/api/payments/TXN-{order_id}")).await?,
    ];
    ensure!(responses.iter().all(|response| response.status == 404), "the other user learns of it: {responses:?}");

    let listed = |page: &Response| page.body["orders"].as_array().map(|orders| orders.len()).unwrap_or_default();
    let (own_page, other_page) = (caller.get("/api/orders").await?, other.get("/api/orders").await?);
    ensure!(listed(&own_page) == 1 && own_page.body["orders"][0] == placed.body, "{own_page:?}");
    ensure!(other_page.status == 200 && listed(&other_page) == 0, "{other_page:?}");
    Ok(())
}

/// More buyers than units order one product at the same time: each unit is sold once, and the other buyers get a 409.
pub(crate) async fn parallel(fixture: &Fixture) -> Result<()> {
    const BUYERS: u64 = 36;
    const UNITS: u64 = 24;
    let product = fixture.product("HOT");
    api::put_product(fixture, &product, UNITS, 1).await?;
    let user = fixture.new_user();
    let caller = Caller::new(fixture, &user)?;
    let body = json!({"user_id": user, "product_id": product, "quantity": 1}).to_string();
    let responses = try_join_all((0..BUYERS).map(|_| caller.order(&body))).await?;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count() as u64;
    ensure!((count(201), count(409)) == (UNITS, BUYERS - UNITS), "{responses:?}");
    ensure!(caller.stock(&product).await? == [0, 0, UNITS], "every unit is sold once");
    Ok(())
}
