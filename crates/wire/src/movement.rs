//! Movements of stock: the only way to change how many units of a product there are.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{MovementId, ProductId, Reason, UserId};

/// The maximum number of units of a product: those that can be ordered, are reserved and are sold, together. All sums of units
/// stay far below what their types can count.
pub const MAX_UNITS: u32 = 1_000_000_000;

/// What kind of movement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MovementKind {
    /// Units came in.
    Received,
    /// The number was wrong: units were counted, lost or found.
    Corrected,
}

/// `POST /api/inventory/{product_id}/movements`: adds units to the stock, or removes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewMovement {
    /// The caller's name for the movement, unique for the product. A repeated request with the same content is applied once.
    pub movement_id: MovementId,
    /// Whether units came in or the number is corrected.
    pub kind: MovementKind,
    /// The units to add; negative for units to remove, which only a correction can do.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub quantity: i64,
    /// Why, for people who read the list of movements later.
    pub reason: Reason,
}

/// `POST /inventory/{product_id}/movements`: a movement, and who requested it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordMovement {
    /// The movement.
    pub movement: NewMovement,
    /// The user who requested it.
    pub recorded_by: UserId,
}

/// A movement that was applied. It is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// The caller's name for the movement.
    pub movement_id: MovementId,
    /// The product.
    pub product_id: ProductId,
    /// Whether units came in or the number was corrected.
    pub kind: MovementKind,
    /// The units that were added; negative for units that were removed.
    pub quantity: i64,
    /// Why.
    pub reason: Reason,
    /// The user who requested it.
    pub recorded_by: UserId,
    /// When it was applied.
    pub recorded_at: DateTime<Utc>,
}

/// `GET /inventory/{product_id}/movements`: one page of a product's movements, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovementPage {
    /// The movements.
    pub movements: Vec<Movement>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A quantity that a movement of its kind cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// Nothing is received, or less than nothing.
    #[error("quantity of what was received must be from 1 to {MAX_UNITS}")]
    Received,
    /// The correction changes nothing, or too much.
    #[error("quantity of a correction must be from -{MAX_UNITS} to {MAX_UNITS}, and not 0")]
    Corrected,
}

impl NewMovement {
    /// Checks the quantity.
    pub fn check_quantity(&self) -> Result<(), InvalidQuantity> {
        let max = i64::from(MAX_UNITS);
        match self.kind {
            MovementKind::Received if !(1..=max).contains(&self.quantity) => Err(InvalidQuantity::Received),
            MovementKind::Corrected if self.quantity == 0 || !(-max..=max).contains(&self.quantity) => {
                Err(InvalidQuantity::Corrected)
            }
            _ => Ok(()),
        }
    }
}
