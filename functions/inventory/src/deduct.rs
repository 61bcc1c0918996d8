//! Reserving and confirming in one request.

use wire::inventory::Reservation;
use wire::{Line, OrderId};

use crate::reserve::reserve;
use crate::settle::confirm;
use crate::{StockError, Store};

/// Reserves and confirms in one request. A repeated request deducts nothing more.
///
/// `POST /inventory/deduct` is a route of the tutorial that this system replaces, kept so that its clients keep working.
/// Nothing in this system calls it: the order function charges the customer between reserving and confirming.
pub async fn deduct(store: &Store, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, StockError>> {
    match reserve(store, order, lines).await? {
        Ok(_) => confirm(store, order, lines).await,
        Err(error) => Ok(Err(error)),
    }
}
