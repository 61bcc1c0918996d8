//! Why a request was rejected.

use wire::movement::MAX_UNITS;
use wire::{MovementId, ProductId};

/// Why a request was rejected. Nothing was changed.
///
/// Functions that return it do so inside an `anyhow::Result`, whose error is different: DynamoDB did not answer, the outcome
/// is unknown, and the request must be repeated to learn it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    /// The product has fewer units than requested.
    #[error("{product_id}: {requested} ordered, {available} available")]
    OutOfStock {
        /// The product.
        product_id: ProductId,
        /// The units requested.
        requested: u32,
        /// The units available.
        available: u32,
    },
    /// The catalogue has no such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// The units are available, but so many unfinished orders hold units of the product that it takes no more holds at present.
    #[error("too many unfinished orders hold units of {0}")]
    TooManyHolds(ProductId),
    /// The units are available, but in more shards than one transaction can write.
    #[error("the units are spread over {0} shards, too many for one order")]
    TooManyShards(usize),
    /// The reservation was released earlier, and a released order cannot be reserved or confirmed.
    #[error("the reservation has already been released")]
    Released,
    /// The order has no reservation of these items that could be confirmed.
    #[error("the order has no reservation of these items")]
    NoReservation,
    /// The catalogue entry is not the one that the request was made for: it was changed or created meanwhile, or does not exist.
    #[error("product {0} is not as the precondition says; read it, and send its ETag in If-Match")]
    PreconditionFailed(ProductId),
    /// A product's number of shards cannot be reduced.
    #[error("{product_id} has {shards} shards, and the number cannot be reduced")]
    FewerShards {
        /// The product.
        product_id: ProductId,
        /// The number of shards it has.
        shards: u16,
    },
}

/// Why a movement of stock was rejected. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MovementError {
    /// The catalogue has no such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// The product has another movement with this id.
    #[error("movement {0} was recorded with other content")]
    OtherContent(MovementId),
    /// The correction would remove more units than can be ordered. Units that are reserved or sold are not removed.
    #[error("{requested} units cannot be removed: {available} are available")]
    BelowZero {
        /// The units to remove.
        requested: u32,
        /// The units available.
        available: u32,
    },
    /// The product would have too many units.
    #[error("a product can have {MAX_UNITS} units, available, reserved and sold together")]
    TooManyUnits,
}
