//! What `/openapi.json` says of a [`PlaceOrder`]: that it has one of two forms. Serde reads both as one type, because its refusals are
//! then about a field and not about the forms.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::order::PlaceOrder;
use crate::{Line, Money, PaymentToken, ProductId, UserId};

/// An order of one product.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its schema")]
struct OneProduct {
    /// Who orders.
    user_id: UserId,
    /// What.
    product_id: ProductId,
    /// How many pieces.
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
    /// Of the other form: not given, or null.
    #[schema(schema_with = null, required = false)]
    items: (),
    /// What the caller expects to pay. The catalogue decides; a difference refuses the order.
    amount: Option<Money>,
    /// What the payment provider charges: a token of the provider's, never a card.
    payment_token: Option<PaymentToken>,
}

/// An order of several products.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its schema")]
struct SeveralProducts {
    /// Who orders.
    user_id: UserId,
    /// What and how many, a product at most once.
    #[schema(min_items = 1, max_items = 25)]
    items: Vec<Line>,
    /// Of the other form: not given, or null.
    #[schema(schema_with = null, required = false)]
    product_id: (),
    /// Of the other form: not given, or null.
    #[schema(schema_with = null, required = false)]
    quantity: (),
    /// What the caller expects to pay. The catalogue decides; a difference refuses the order.
    amount: Option<Money>,
    /// What the payment provider charges: a token of the provider's, never a card.
    payment_token: Option<PaymentToken>,
}

fn null() -> Schema {
    ObjectBuilder::new().schema_type(Type::Null).into()
}

impl PartialSchema for PlaceOrder {
    fn schema() -> RefOr<Schema> {
        let one = json!({"user_id": "USER-001", "product_id": "PROD-123", "quantity": 2, "amount": 199.99});
        let items = json!([{"product_id": "PROD-456", "quantity": 1}, {"product_id": "PROD-789", "quantity": 2}]);
        let several = json!({"user_id": "USER-001", "items": items, "payment_token": "tok_approve"});
        let form = |name: Cow<'static, str>| Ref::from_schema_name(name);
        OneOfBuilder::new()
            .description(Some("One product (`product_id` and `quantity`) or several (`items`)."))
            .item(form(OneProduct::name()))
            .item(form(SeveralProducts::name()))
            .examples([one, several])
            .into()
    }
}

impl ToSchema for PlaceOrder {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PlaceOrder")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OneProduct::name().into(), OneProduct::schema()));
        schemas.push((SeveralProducts::name().into(), SeveralProducts::schema()));
        OneProduct::schemas(schemas);
        SeveralProducts::schemas(schemas);
    }
}
