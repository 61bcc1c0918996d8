//! From which shards of a product's stock an order's pieces come.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wire::OrderId;

/// Takes `quantity` pieces from shards that have `stock`: (shard, pieces) each, from as few shards as possible. One that has them
/// all is looked for from `first` on, so that buyers who begin at different shards don't meet. None: there are too few.
pub(crate) fn plan(quantity: u32, stock: &[u32], first: usize) -> Option<Vec<(usize, u32)>> {
    let mut shards: Vec<usize> = (0..stock.len()).collect();
    shards.rotate_left(first.min(stock.len()));
    if let Some(&shard) = shards.iter().find(|&&shard| stock[shard] >= quantity) {
        return Some(vec![(shard, quantity)]);
    }
    shards.sort_by_key(|&shard| std::cmp::Reverse(stock[shard]));
    let mut missing = quantity;
    let mut parts = Vec::new();
    for shard in shards {
        let taken = stock[shard].min(missing);
        missing -= taken;
        if taken > 0 {
            parts.push((shard, taken));
        }
    }
    (missing == 0).then_some(parts)
}

/// The shard at which an order looks first.
pub(crate) fn first_shard(order: OrderId, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    (hasher.finish() % shards.max(1) as u64) as usize
}

/// Divides pieces evenly; what can't be divided goes to the first shards, one each.
pub(crate) fn spread(pieces: u32, shards: u16) -> impl Iterator<Item = u32> {
    let shards = u32::from(shards.max(1));
    (0..shards).map(move |shard| pieces / shards + u32::from(shard < pieces % shards))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_shard_is_preferred_and_the_order_s_own_first() {
        assert_eq!(plan(3, &[5, 2, 4], 2), Some(vec![(2, 3)]));
        assert_eq!(plan(3, &[5, 2, 4], 1), Some(vec![(2, 3)]));
        assert_eq!(plan(5, &[5, 2, 4], 1), Some(vec![(0, 5)]));
        assert_eq!(plan(8, &[5, 2, 4], 1), Some(vec![(0, 5), (2, 3)]));
        assert_eq!(plan(12, &[5, 2, 4], 1), None);
        assert_eq!(plan(1, &[], 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_plan_takes_what_there_is_and_fails_only_if_that_is_too_little(
            stock in vec(0..20_u32, 1..50),
            quantity in 1..300_u32,
            first in 0..50_usize,
        ) {
            match plan(quantity, &stock, first % stock.len()) {
                None => prop_assert!(stock.iter().sum::<u32>() < quantity),
                Some(parts) => {
                    prop_assert_eq!(parts.iter().map(|(_, taken)| taken).sum::<u32>(), quantity);
                    prop_assert!(parts.iter().all(|&(shard, taken)| (1..=stock[shard]).contains(&taken)));
                    let mut shards: Vec<_> = parts.iter().map(|(shard, _)| shard).collect();
                    shards.sort_unstable();
                    shards.dedup();
                    prop_assert_eq!(shards.len(), parts.len());
                    let mut most = stock.clone();
                    most.sort_unstable_by(|a, b| b.cmp(a));
                    prop_assert!(most.iter().take(parts.len() - 1).sum::<u32>() < quantity, "fewer shards would do");
                }
            }
        }

        #[test]
        fn spreading_loses_no_piece(pieces: u32, shards in 1..=wire::inventory::MAX_SHARDS) {
            let spread: Vec<u32> = spread(pieces, shards).collect();
            prop_assert_eq!(spread.len(), usize::from(shards));
            prop_assert_eq!(spread.iter().map(|&n| u64::from(n)).sum::<u64>(), u64::from(pieces));
            prop_assert!(spread[0] - spread[spread.len() - 1] <= 1);
        }
    }
}
