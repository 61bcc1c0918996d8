//! Selects which of the polled records go into the next invocation.

use std::collections::HashMap;

use krafka::consumer::{ConsumerRecord, TopicPartition};

/// The polled records for one invocation, and for each partition the offset of the first record that is not among them.
pub(super) struct Selection {
    pub(super) batch: HashMap<TopicPartition, Vec<ConsumerRecord>>,
    pub(super) refetch_from: HashMap<TopicPartition, i64>,
}

/// Selects the records of one failing partition, within its limit, if there are any; otherwise the records of all
/// partitions, within the batch size.
pub(super) fn select(
    records: Vec<ConsumerRecord>,
    batch_size: usize,
    limits: &HashMap<TopicPartition, usize>,
) -> Selection {
    let partition_of = |record: &ConsumerRecord| TopicPartition::new(record.topic.to_string(), record.partition);
    let alone = records.iter().map(partition_of).find(|partition| limits.contains_key(partition));
    let limit =
        alone.as_ref().and_then(|partition| limits.get(partition)).map_or(batch_size, |limit| batch_size.min(*limit));
    let mut selection = Selection { batch: HashMap::new(), refetch_from: HashMap::new() };
    let mut taken = 0;
    for record in records {
        let partition = partition_of(&record);
        if taken < limit && alone.as_ref().is_none_or(|alone| *alone == partition) {
            selection.batch.entry(partition).or_default().push(record);
            taken += 1;
        } else {
            selection.refetch_from.entry(partition).or_insert(record.offset);
        }
    }
    selection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(partition: i32, offsets: std::ops::Range<i64>) -> impl Iterator<Item = ConsumerRecord> {
        offsets.map(move |offset| ConsumerRecord::new("t", partition, offset, None, None))
    }

    fn taken(selection: &Selection, partition: i32) -> Vec<i64> {
        let records = selection.batch.get(&TopicPartition::new("t", partition));
        records.into_iter().flatten().map(|record| record.offset).collect()
    }

    #[test]
    fn batch_contains_records_of_all_partitions() {
        let polled = records(0, 5..8).chain(records(1, 0..4)).collect();
        let selection = select(polled, 5, &HashMap::new());
        assert_eq!((taken(&selection, 0), taken(&selection, 1)), (vec![5, 6, 7], vec![0, 1]));
        assert_eq!(selection.refetch_from, [(TopicPartition::new("t", 1), 2)].into());
    }

    #[test]
    fn failing_partition_gets_its_own_batch_within_its_limit() {
        let polled = records(0, 5..8).chain(records(1, 0..4)).collect();
        let selection = select(polled, 5, &[(TopicPartition::new("t", 1), 2)].into());
        assert_eq!((taken(&selection, 0), taken(&selection, 1)), (vec![], vec![0, 1]));
        assert_eq!(selection.refetch_from, [(TopicPartition::new("t", 0), 5), (TopicPartition::new("t", 1), 2)].into());
    }
}
