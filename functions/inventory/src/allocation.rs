//! From which shards of a product an order's units are taken.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};
use wire::{OrderId, ProductId};

/// Units of one shard that belong to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allocation {
    pub(crate) product_id: ProductId,
    pub(crate) shard: u16,
    pub(crate) quantity: u32,
}

/// Takes `quantity` units from shards that have `stock` units, from as few shards as possible, and returns (shard, units) for
/// each. The search for a single shard that has all of them starts at `first`, so that orders that start at different shards
/// write to different items. `None`: there are too few units.
pub(crate) fn allocate(quantity: u32, stock: &[u32], first: usize) -> Option<Vec<(usize, u32)>> {
    let mut shards: Vec<usize> = (0..stock.len()).collect();
    shards.rotate_left(first.min(stock.len()));
    if let Some(&shard) = shards.iter().find(|&&shard| stock[shard] >= quantity) {
        return Some(vec![(shard, quantity)]);
    }
    shards.sort_by_key(|&shard| std::cmp::Reverse(stock[shard]));
    let mut missing = quantity;
    let mut allocated = Vec::new();
    for shard in shards {
        let taken = stock[shard].min(missing);
        missing -= taken;
        if taken > 0 {
            allocated.push((shard, taken));
        }
    }
    (missing == 0).then_some(allocated)
}

/// The shard at which an order's search starts.
pub(crate) fn first_shard(order: OrderId, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    (hasher.finish() % shards.max(1) as u64) as usize
}

/// Divides units evenly over shards. The first shards get one unit more each if the division leaves a remainder.
pub(crate) fn split(units: u32, shards: u16) -> impl Iterator<Item = u32> {
    let shards = u32::from(shards.max(1));
    (0..shards).map(move |shard| units / shards + u32::from(shard < units % shards))
}

/// Gives `new` further shards their part of the stock. Returns the units that each present shard gives, and those that each new one
/// receives.
pub(crate) fn spread(stock: &[u32], new: usize) -> (Vec<u32>, Vec<u32>) {
    let total: u64 = stock.iter().copied().map(u64::from).sum();
    let target = u32::try_from(total / (stock.len() + new).max(1) as u64).unwrap_or(u32::MAX);
    let mut wanted = u64::from(target) * new as u64;
    let give = |&units: &u32| {
        let given = u32::try_from(wanted).unwrap_or(u32::MAX).min(units.saturating_sub(target));
        wanted -= u64::from(given);
        given
    };
    let given: Vec<u32> = stock.iter().map(give).collect();
    let pool = given.iter().copied().map(u64::from).sum::<u64>();
    let received =
        if new == 0 { Vec::new() } else { split(u32::try_from(pool).unwrap_or(u32::MAX), new as u16).collect() };
    (given, received)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn single_shard_is_preferred_starting_at_the_first() {
        assert_eq!(allocate(3, &[5, 2, 4], 2), Some(vec![(2, 3)]));
        assert_eq!(allocate(3, &[5, 2, 4], 1), Some(vec![(2, 3)]));
        assert_eq!(allocate(5, &[5, 2, 4], 1), Some(vec![(0, 5)]));
        assert_eq!(allocate(8, &[5, 2, 4], 1), Some(vec![(0, 5), (2, 3)]));
        assert_eq!(allocate(12, &[5, 2, 4], 1), None);
        assert_eq!(allocate(1, &[], 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn allocation_fails_only_if_there_are_too_few_units(
            stock in vec(0..20_u32, 1..50),
            quantity in 1..300_u32,
            first in 0..50_usize,
        ) {
            match allocate(quantity, &stock, first % stock.len()) {
                None => prop_assert!(stock.iter().sum::<u32>() < quantity),
                Some(allocated) => {
                    prop_assert_eq!(allocated.iter().map(|(_, taken)| taken).sum::<u32>(), quantity);
                    prop_assert!(allocated.iter().all(|&(shard, taken)| (1..=stock[shard]).contains(&taken)));
                    let mut shards: Vec<_> = allocated.iter().map(|(shard, _)| shard).collect();
                    shards.sort_unstable();
                    shards.dedup();
                    prop_assert_eq!(shards.len(), allocated.len());
                    let mut most = stock.clone();
                    most.sort_unstable_by(|a, b| b.cmp(a));
                    prop_assert!(most.iter().take(allocated.len() - 1).sum::<u32>() < quantity, "fewer shards would be enough");
                }
            }
        }

        #[test]
        fn spreading_stock_over_new_shards_loses_no_unit(stock in vec(0..1_000_u32, 1..20), new in 0..20_usize) {
            let (given, received) = spread(&stock, new);
            prop_assert_eq!((given.len(), received.len()), (stock.len(), new));
            prop_assert_eq!(given.iter().sum::<u32>(), received.iter().sum::<u32>());
            prop_assert!(given.iter().zip(&stock).all(|(given, units)| given <= units));
            let average = stock.iter().sum::<u32>() / (stock.len() + new) as u32;
            prop_assert!(received.iter().all(|&units| units == average));
        }

        #[test]
        fn splitting_loses_no_unit(units: u32, shards in 1..=wire::inventory::MAX_SHARDS) {
            let split: Vec<u32> = split(units, shards).collect();
            prop_assert_eq!(split.len(), usize::from(shards));
            prop_assert_eq!(split.iter().map(|&n| u64::from(n)).sum::<u64>(), u64::from(units));
            prop_assert!(split[0] - split[split.len() - 1] <= 1);
        }
    }
}
