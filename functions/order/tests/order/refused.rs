//! What is no order.

use crate::world::World;

#[tokio::test]
async fn what_is_no_order_is_refused_before_anything_is_written() {
    let world = World::with_stock(9).await;
    for (body, kind) in [
        (r#"{"user_id":"U","product_id":"PROD-123"}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":0}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"items":[]}"#, "unprocessable"),
        (
            r#"{"user_id":"U","items":[{"product_id":"A","quantity":1},{"product_id":"A","quantity":1}]}"#,
            "unprocessable",
        ),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":-1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"price":0}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":2,"amount":199.98}"#, "amount-mismatch"),
        (r#"{"user_id":"U\u0000","product_id":"PROD-123","quantity":1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123\n","quantity":1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"payment_token":"tok\u001b"}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"payment_token":""}"#, "unprocessable"),
        ("[]", "unprocessable"),
        ("", "bad-request"),
    ] {
        for key in [None, Some("\"a key\"")] {
            let refused = world.place(key, body).await;
            assert!(refused.status.is_client_error(), "{body}: {refused:?}");
            assert_eq!(refused.short().1, kind, "{body}: {refused:?}");
        }
    }
    let refused = world.place(Some("two, keys"), crate::world::ORDER).await;
    assert_eq!(refused.short(), (400, "bad-request"), "{refused:?}");
    assert!(world.items().await.is_empty());
}
