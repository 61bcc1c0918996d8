//! Requests that are rejected before an order is recorded.

use crate::fixture::Fixture;

/// An outage must not leave more unfinished orders than the product can hold units for.
#[tokio::test]
async fn order_of_a_busy_product_is_a_503_and_nothing_is_recorded() {
    let fixture = Fixture::with_stock(9).await;
    fixture.services.state().busy = true;
    for key in [None, Some("\"a key\"")] {
        let rejected = fixture.place(key, crate::fixture::ORDER).await;
        assert_eq!(rejected.short(), (503, "product-busy"), "{rejected:?}");
        assert_eq!(rejected.headers["retry-after"], "30");
    }
    assert!(fixture.items().await.is_empty());
    fixture.services.state().busy = false;
    let placed = fixture.place(Some("\"a key\""), crate::fixture::ORDER).await;
    assert_eq!(placed.status.as_u16(), 201, "the key is still free: {placed:?}");
}

#[tokio::test]
async fn invalid_order_is_rejected_before_anything_is_written() {
    let fixture = Fixture::with_stock(9).await;
    for (body, kind) in [
        (r#"{"user_id":"U","product_id":"PROD-123"}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":0}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"items":[]}"#, "unprocessable"),
        (
            r#"{"user_id":"U","items":[{"product_id":"A","quantity":1},{"product_id":"A","quantity":1}]}"#,
            "unprocessable",
        ),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":-1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":2,"amount":199.98}"#, "amount-mismatch"),
        (r#"{"user_id":"U\u0000","product_id":"PROD-123","quantity":1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123\n","quantity":1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"payment_token":"tok\u001b"}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"payment_token":""}"#, "unprocessable"),
        ("[]", "unprocessable"),
        ("", "bad-request"),
    ] {
        for key in [None, Some("\"a key\"")] {
            let rejected = fixture.place(key, body).await;
            assert!(rejected.status.is_client_error(), "{body}: {rejected:?}");
            assert_eq!(rejected.short().1, kind, "{body}: {rejected:?}");
        }
    }
    let rejected = fixture.place(Some("two, keys"), crate::fixture::ORDER).await;
    assert_eq!(rejected.short(), (400, "bad-request"), "{rejected:?}");
    assert!(fixture.items().await.is_empty());
}
