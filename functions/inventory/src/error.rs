//! Why a request was rejected.

use wire::ProductId;

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
    /// A product's number of shards cannot be reduced.
    #[error("{product_id} has {shards} shards, and the number cannot be reduced")]
    FewerShards {
        /// The product.
        product_id: ProductId,
        /// The number of shards it has.
        shards: u16,
    },
}
