//! The items of the table. Their key is `pk`:
//!
//! | `pk` | Item |
//! |---|---|
//! | `PRODUCT#{product_id}` | a product: its catalogue entry ([`ProductItem`]) and the first shard of its stock ([`ShardItem`]) |
//! | `PRODUCT#{product_id}#{shard}` | a further shard, from 1 ([`ShardItem`]) |
//! | `SETTLEMENT#{order_id}` | the settlement of an order's reservation ([`SettlementItem`]) |
//! | `MOVEMENT#{product_id}#{movement_id}` | a movement of stock ([`MovementItem`]), in the index [`MOVEMENTS`] |
//!
//! Each shard has a partition key of its own because DynamoDB takes 1,000 write units per second for one key.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::serde::{ts_milliseconds, ts_milliseconds_option};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use wire::inventory::SETTLEMENT_RETENTION;
use wire::movement::{Movement, MovementKind};
use wire::{Currency, MovementId, OrderId, ProductId, Reason, UserId};

use crate::allocation::Allocation;
use crate::reservation::{Decision, Hold, ReservationId, Settlement};
use crate::stock::Shard;

/// An item's attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A product's catalogue entry.
#[derive(Debug, Deserialize)]
pub(super) struct ProductItem {
    pub(super) name: String,
    pub(super) unit_price_millis: i64,
    pub(super) currency: Currency,
    /// The number of shards. Another program may write the item without it.
    #[serde(default = "one")]
    pub(super) shards: u16,
    /// How often the entry was written. Absent if another program wrote the item.
    #[serde(default)]
    pub(super) version: u64,
    /// The sum of all movements. Absent if another program wrote the item.
    pub(super) units: Option<u32>,
}

fn one() -> u16 {
    1
}

/// A shard's counters and holds.
#[derive(Debug, Deserialize)]
pub(super) struct ShardItem {
    product_id: ProductId,
    /// Absent from the first shard.
    #[serde(default)]
    shard: u16,
    stock: u32,
    reserved: u32,
    sold: u32,
    /// Another program may write the item without it.
    holds: Option<BTreeMap<OrderId, HoldItem>>,
}

/// A hold, as the value of its order's id in a shard's `holds`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HoldItem {
    reservation_id: ReservationId,
    quantity: u32,
    /// Only in a hold that was renewed.
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    renewed_at_ms: Option<DateTime<Utc>>,
}

/// A settlement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SettlementItem {
    pk: String,
    order_id: OrderId,
    state: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reservation_id: Option<ReservationId>,
    #[serde(default)]
    parts: Vec<Allocation>,
    /// When DynamoDB may delete it, in seconds since 1970.
    #[serde(skip_deserializing)]
    expires_at: i64,
}

/// The sparse index of movements: by product and time. Only movements have its key.
pub(super) const MOVEMENTS: &str = "movements";

/// A movement of stock.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MovementItem {
    pk: String,
    movement_of: ProductId,
    #[serde(with = "ts_milliseconds")]
    recorded_at_ms: DateTime<Utc>,
    movement_id: MovementId,
    kind: MovementKind,
    quantity: i64,
    reason: Reason,
    recorded_by: UserId,
}

/// The `pk` of a movement.
pub(crate) fn movement_key(product: &ProductId, movement: &MovementId) -> String {
    format!("MOVEMENT#{product}#{movement}")
}

/// The `pk` of a shard. Shard 0 is the product's own item.
pub(crate) fn shard_key(product: &ProductId, shard: u16) -> String {
    if shard == 0 { format!("PRODUCT#{product}") } else { format!("PRODUCT#{product}#{shard}") }
}

/// The `pk` of an order's settlement.
pub(crate) fn settlement_key(order: OrderId) -> String {
    format!("SETTLEMENT#{order}")
}

/// The primary key with this `pk`.
pub(super) fn key(pk: String) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk))])
}

/// The `pk` of an item or key.
pub(super) fn pk(item: &Item) -> anyhow::Result<String> {
    let pk = item.get("pk").and_then(|pk| pk.as_s().ok());
    pk.cloned().context("an item has no pk")
}

impl From<Movement> for MovementItem {
    fn from(movement: Movement) -> Self {
        let pk = movement_key(&movement.product_id, &movement.movement_id);
        let Movement { movement_id, product_id: movement_of, kind, quantity, reason, recorded_by, recorded_at } =
            movement;
        Self { pk, movement_of, recorded_at_ms: recorded_at, movement_id, kind, quantity, reason, recorded_by }
    }
}

impl From<MovementItem> for Movement {
    fn from(item: MovementItem) -> Self {
        let MovementItem { movement_of, recorded_at_ms, movement_id, kind, quantity, reason, recorded_by, .. } = item;
        Self { movement_id, product_id: movement_of, kind, quantity, reason, recorded_by, recorded_at: recorded_at_ms }
    }
}

impl From<ShardItem> for Shard {
    fn from(item: ShardItem) -> Self {
        let ShardItem { product_id, shard: number, stock, reserved, sold, holds } = item;
        let hold = |(order_id, HoldItem { reservation_id, quantity, renewed_at_ms })| Hold {
            order_id,
            reservation_id,
            renewed_at: renewed_at_ms,
            allocation: Allocation { product_id: product_id.clone(), shard: number, quantity },
        };
        let has_holds_map = holds.is_some();
        let holds = holds.into_iter().flatten().map(hold).collect();
        Self { number, stock, reserved, sold, holds, has_holds_map }
    }
}

impl From<&Hold> for HoldItem {
    fn from(hold: &Hold) -> Self {
        let Hold { reservation_id, renewed_at, .. } = *hold;
        Self { reservation_id, quantity: hold.allocation.quantity, renewed_at_ms: renewed_at }
    }
}

impl SettlementItem {
    /// The item of a settlement that is decided now.
    pub(crate) fn new(settlement: &Settlement, now: DateTime<Utc>) -> Self {
        let Settlement { order_id, decision: state, reservation_id, sold: parts } = settlement.clone();
        let expires_at = (now + SETTLEMENT_RETENTION).timestamp();
        Self { pk: settlement_key(order_id), order_id, state, reservation_id, parts, expires_at }
    }
}

impl From<SettlementItem> for Settlement {
    fn from(item: SettlementItem) -> Self {
        let SettlementItem { order_id, state: decision, reservation_id, parts: sold, .. } = item;
        Self { order_id, decision, reservation_id, sold }
    }
}
