//! How `/openapi.json` describes a [`PlaceOrder`]: as one of two forms. Serde reads both forms as one type, because its errors can
//! then name the field that is wrong; with two types they could only say that neither form fits.

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
#[expect(dead_code, reason = "only its schema is used")]
struct OneProduct {
    /// The user who places the order.
    user_id: UserId,
    /// The product.
    product_id: ProductId,
    /// The number of units.
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
    /// Part of the other form: leave it out, or set it to null.
    #[schema(schema_with = null, required = false)]
    items: (),
    /// The total that the caller expects to pay. The catalogue sets the price; an order with a different amount is rejected.
    amount: Option<Money>,
    /// The payment provider's token of a card or an account, never a card number.
    payment_token: Option<PaymentToken>,
}

/// An order of several products.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct SeveralProducts {
    /// The user who places the order.
    user_id: UserId,
    /// The products and their numbers of units. A product is in at most one line.
    #[schema(min_items = 1, max_items = 25)]
    items: Vec<Line>,
    /// Part of the other form: leave it out, or set it to null.
    #[schema(schema_with = null, required = false)]
    product_id: (),
    /// Part of the other form: leave it out, or set it to null.
    #[schema(schema_with = null, required = false)]
    quantity: (),
    /// The total that the caller expects to pay. The catalogue sets the price; an order with a different amount is rejected.
    amount: Option<Money>,
    /// The payment provider's token of a card or an account, never a card number.
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
