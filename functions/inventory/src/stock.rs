//! A product of the catalogue, with its stock.

use anyhow::Context as _;
use wire::inventory::{Product, PutProduct};
use wire::{Currency, Line, OrderId, ProductId, UnitPrice};

use crate::allocation::{Allocation, allocate, first_shard};
use crate::reservation::Hold;

/// A product and all shards of its stock, in order of their numbers.
#[derive(Debug, Clone)]
pub(crate) struct StockedProduct {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    pub(crate) unit_price_millis: i64,
    pub(crate) currency: Currency,
    /// How often the catalogue entry was written.
    pub(crate) version: u64,
    /// The sum of all movements. `None` if another program wrote the item, and there was no movement yet.
    pub(crate) units: Option<u32>,
    pub(crate) shards: Vec<Shard>,
}

/// A shard of a product's stock. Most products have one shard.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub(crate) number: u16,
    /// Units that can be ordered.
    pub(crate) stock: u32,
    /// Units that are held for orders.
    pub(crate) reserved: u32,
    /// Units that are sold.
    pub(crate) sold: u32,
    /// The holds on this shard's units, by the id of their order.
    pub(crate) holds: Vec<Hold>,
    /// False if another program wrote the item without the map `holds`, which must be added before the shard can take a hold.
    pub(crate) has_holds_map: bool,
}

/// The number of holds that a shard can have. Holds are in the shard's item, where each takes about 105 bytes (125 if it was
/// renewed): an item with this many has at most 14 KB, and each write to it costs up to 14 units. Without a bound, a product that
/// sells while payment is away would make each write dearer, and fill its item at about 4,000 holds (DynamoDB takes 400 KB). At
/// 0.3 s from hold to sale, 100 holds are more than a shard has at DynamoDB's limit of 1,000 write units per second.
pub(crate) const MAX_HOLDS_PER_SHARD: usize = 100;

impl StockedProduct {
    pub(crate) fn shard_count(&self) -> u16 {
        self.shards.len() as u16
    }

    /// Whether the catalogue entry is as requested.
    pub(crate) fn has_entry(&self, put: &PutProduct) -> bool {
        let (name, price) = (put.name.as_str(), put.unit_price.millis());
        let same_shards = put.shards.is_none_or(|shards| shards == self.shard_count());
        (self.name.as_str(), self.unit_price_millis, &self.currency) == (name, price, &put.currency) && same_shards
    }

    /// Chooses the shards from which an order's line takes its units. `None`: there are too few units in the shards that can take
    /// a hold.
    pub(crate) fn allocate(&self, order: OrderId, line: &Line) -> Option<Vec<Allocation>> {
        let stock: Vec<u32> =
            self.shards.iter().map(|shard| if shard.can_take_hold() { shard.stock } else { 0 }).collect();
        let taken = allocate(line.quantity, &stock, first_shard(order, stock.len()))?;
        let allocation = |(index, quantity): (usize, u32)| {
            let shard = self.shards[index].number;
            Allocation { product_id: self.id.clone(), shard, quantity }
        };
        Some(taken.into_iter().map(allocation).collect())
    }

    /// Units that can be ordered, over all shards.
    pub(crate) fn available(&self) -> u64 {
        self.shards.iter().map(|shard| u64::from(shard.stock)).sum()
    }

    /// Whether there are units, but only in shards that cannot take another hold.
    fn is_busy(&self) -> bool {
        let mut with_units = self.shards.iter().filter(|shard| shard.stock > 0).peekable();
        with_units.peek().is_some() && !with_units.any(Shard::can_take_hold)
    }

    pub(crate) fn into_wire(self) -> anyhow::Result<Product> {
        let shards = self.shard_count();
        let sum = |units: fn(&Shard) -> u32| {
            let sum = self.shards.iter().map(units).try_fold(0_u32, u32::checked_add);
            sum.with_context(|| format!("product {} has more units than a u32 can count", self.id))
        };
        let (available, reserved) = (sum(|shard| shard.stock)?, sum(|shard| shard.reserved)?);
        let (sold, accepts_orders) = (sum(|shard| shard.sold)?, !self.is_busy());
        let Self { id: product_id, name, unit_price_millis, currency, version, .. } = self;
        let unit_price = UnitPrice::from_millis(unit_price_millis)?;
        Ok(Product {
            product_id,
            name,
            unit_price,
            currency,
            available,
            reserved,
            sold,
            shards,
            accepts_orders,
            version,
        })
    }
}

impl Shard {
    /// Whether it has fewer than [`MAX_HOLDS_PER_SHARD`] holds.
    pub(crate) fn can_take_hold(&self) -> bool {
        self.holds.len() < MAX_HOLDS_PER_SHARD
    }

    /// All its units: available, reserved and sold.
    pub(crate) fn units(&self) -> i64 {
        [self.stock, self.reserved, self.sold].map(i64::from).iter().sum()
    }

    pub(crate) fn hold_of(&self, order: OrderId) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.order_id == order)
    }
}
