//! Movements of stock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures::future::join_all;
use inventory::{MovementError, Store, deduct, http, record_movement, reserve};
use tower::ServiceExt as _;
use wire::movement::{MovementKind, MovementPage, NewMovement};
use wire::{OrderId, ProductId};

use crate::fixture::{Fixture, line, number};
use crate::interleaving::Interleave;

async fn record(store: &Store, id: &ProductId, quantity: i64, movement_id: &str) -> Result<bool, MovementError> {
    let (movement_id, reason) = (movement_id.parse().unwrap(), "a test".parse().unwrap());
    let movement = NewMovement { movement_id, kind: MovementKind::Corrected, quantity, reason };
    let recorded = record_movement(store, id, &movement, &"CLERK".parse().unwrap()).await.unwrap();
    recorded.map(|recorded| recorded.is_replay)
}

/// The gateway and its caller repeat a request whose answer was lost, at any call to DynamoDB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_retry_layers_apply_a_movement_once() {
    let fixture = Arc::new(Fixture::start().await);
    let (one, several) =
        (fixture.add_product("A", 9).await, fixture.put_product("B", 9, Some(3)).await.unwrap().product_id);
    for id in [one, several] {
        for (quantity, expected) in [(7, 16), (-7, 9)] {
            for (call, loses_answer) in (0..).flat_map(|call| [(call, true), (call, false)]) {
                let movement_id = format!("M{quantity}-{call}-{loses_answer}");
                let repeat = {
                    let (fixture, id, movement_id) = (Arc::clone(&fixture), id.clone(), movement_id.clone());
                    async move || {
                        record(&fixture.store, &id, quantity, &movement_id).await.unwrap();
                    }
                };
                let calls = Arc::default();
                let interleave = Interleave { after: call, loses_answer, calls: Arc::clone(&calls), request: repeat };
                record(&fixture.store_with(interleave), &id, quantity, &movement_id).await.unwrap();
                assert_eq!(record(&fixture.store, &id, quantity, &movement_id).await, Ok(true));
                assert_eq!(fixture.counts(&id).await, (expected, 0, 0), "{movement_id}");
                if calls.load(Ordering::Relaxed) <= call {
                    break;
                }
                record(&fixture.store, &id, -quantity, &format!("UNDO-{movement_id}")).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn movement_with_the_same_id_and_other_content_is_refused() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 9).await;
    assert_eq!(record(&fixture.store, &id, 3, "M-1").await, Ok(false));
    let error = record(&fixture.store, &id, 4, "M-1").await;
    assert_eq!(error, Err(MovementError::OtherContent("M-1".parse().unwrap())));
    assert_eq!(fixture.counts(&id).await, (12, 0, 0));
    let other = fixture.add_product("B", 1).await;
    assert_eq!(record(&fixture.store, &other, 4, "M-1").await, Ok(false), "the id belongs to a product");
}

#[tokio::test]
async fn correction_below_zero_is_refused() {
    let fixture = Fixture::start().await;
    for (name, shards) in [("A", 1), ("B", 4)] {
        let id = fixture.put_product(name, 10, Some(shards)).await.unwrap().product_id;
        reserve(&fixture.store, OrderId::new(), &[line(&id, 3)]).await.unwrap().unwrap();
        let error = record(&fixture.store, &id, -8, "M-1").await;
        assert_eq!(error, Err(MovementError::BelowZero { requested: 8, available: 7 }));
        assert_eq!(record(&fixture.store, &id, -7, "M-1").await, Ok(false), "a refused movement is not recorded");
        assert_eq!(fixture.counts(&id).await, (0, 3, 0));
    }
}

/// Also while orders take units, and others correct the stock: the sum of all movements is what there is.
#[tokio::test]
async fn units_are_the_sum_of_the_movements_despite_concurrent_orders() {
    let fixture = Fixture::start().await;
    for (name, shards) in [("A", 1), ("B", 3)] {
        let id = fixture.put_product(name, 20, Some(shards)).await.unwrap().product_id;
        let movements =
            (0..12).map(|index| {
                let (store, id) = (fixture.store.clone(), id.clone());
                async move {
                    record(&store, &id, if index % 3 == 0 { -4 } else { 3 }, &format!("M-{}", index / 2 * 2)).await
                }
            });
        let orders = (0..12).map(|_| {
            let (store, lines) = (fixture.store.clone(), [line(&id, 2)]);
            async move { deduct(&store, OrderId::new(), &lines).await.unwrap() }
        });
        let (_, sold) = futures::join!(join_all(movements), join_all(orders));
        let recorded = fixture.items(&format!("MOVEMENT#{name}#")).await;
        let sum: i64 = recorded.iter().map(|movement| number(movement, "quantity")).sum();
        let (available, reserved, sold_units) = fixture.counts(&id).await;
        assert_eq!(i64::from(available + reserved + sold_units), sum);
        assert_eq!(sold_units as usize, 2 * sold.iter().filter(|sold| sold.is_ok()).count());
        assert_eq!(number(&fixture.items(&format!("PRODUCT#{name}")).await[0], "units"), sum);
    }
}

#[tokio::test]
async fn movements_are_listed_newest_first_one_page_at_a_time() {
    let fixture = Fixture::start().await;
    let (id, other) = (fixture.add_product("A", 1).await, fixture.add_product("B", 1).await);
    record(&fixture.store, &other, 1, "OTHER").await.unwrap();
    for number in 0..7 {
        record(&fixture.store, &id, 1, &format!("M.{number}")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let app = http::app(fixture.store.clone());
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = Request::get(format!("/inventory/A/movements?limit=3{cursor}")).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let page: MovementPage = serde_json::from_slice(&body).unwrap();
        assert!(page.movements.len() <= 3);
        ids.extend(page.movements.iter().map(|movement| movement.movement_id.to_string()));
        let Some(next) = page.next_cursor else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids[..7], ["M.6", "M.5", "M.4", "M.3", "M.2", "M.1", "M.0"]);
    assert_eq!(ids.len(), 8, "and the first stock");
}
