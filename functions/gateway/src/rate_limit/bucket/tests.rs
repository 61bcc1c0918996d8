//! Buckets of several processes over a simulated table.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

/// The table's item, with the two conditional writes of the store.
#[derive(Default)]
struct Table {
    tat: Option<Micros>,
    writes: usize,
}

impl Table {
    fn write(&mut self, limit: Limit, take: TakeTokens) -> Result<Micros, Micros> {
        self.writes += 1;
        let advance = take.tokens * limit.interval();
        let tat = match self.tat {
            None if take.expects_full_bucket() => take.now + advance,
            Some(tat) if take.expects_full_bucket() && tat < take.now => take.now + advance,
            Some(tat)
                if !take.expects_full_bucket() && (take.now..=take.now + limit.span() - advance).contains(&tat) =>
            {
                tat + advance
            }
            other => return Err(other.unwrap_or_default()),
        };
        self.tat = Some(tat);
        Ok(tat)
    }
}

/// A process, and the request to the table that it waits for, with the number of writes so far.
#[derive(Default)]
struct Process {
    bucket: Bucket,
    pending: Option<(TakeTokens, usize)>,
}

impl Process {
    /// Makes a request, unless one is pending. Returns whether it passes, if that is known at once.
    fn request(&mut self, limit: Limit, now: Micros) -> Option<bool> {
        if self.pending.is_some() {
            return None;
        }
        match self.bucket.take(limit, now) {
            Step::Allow => Some(true),
            Step::Refuse => Some(false),
            Step::Take(take) => {
                self.pending = Some((take, 0));
                None
            }
        }
    }

    /// Makes one write for the pending request. Once it is decided, returns when it was made and whether it passes.
    fn write(&mut self, limit: Limit, table: &mut Table) -> Option<(Micros, bool)> {
        let (take, writes) = self.pending.take()?;
        assert!(writes < 3, "at most three writes per request");
        let answer = match table.write(limit, take) {
            Ok(tat) => Answer::Taken { tokens: take.tokens, tat },
            Err(tat) => match take.corrected(limit, tat) {
                Some(next) => {
                    self.pending = Some((next, writes + 1));
                    return None;
                }
                None => Answer::Empty { tat },
            },
        };
        Some((take.now, self.bucket.record(limit, take.now, answer)))
    }

    /// Makes a request and all its writes.
    fn take(&mut self, limit: Limit, now: Micros, table: &mut Table) -> bool {
        let mut passes = self.request(limit, now);
        while passes.is_none() {
            passes = self.write(limit, table).map(|(_, passes)| passes);
        }
        passes.unwrap()
    }
}

fn limit(rate: u32, burst: u32) -> Limit {
    Limit { rate: NonZeroU32::new(rate).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
}

/// A day in 2023.
const START: Micros = 1_700_000_000_000_000;

#[derive(Debug, Clone, Copy)]
enum Event {
    Request(usize),
    Write(usize),
    Pass(Micros),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Event::Request),
        4 => (0..3_usize).prop_map(Event::Write),
        1 => (0..30_000_u64).prop_map(Event::Pass),
        1 => (0..3_000_000_u64).prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In any time span at most `burst + rate × time` requests pass, whichever processes get them and however the processes'
    /// writes interleave.
    #[test]
    fn requests_that_pass_never_exceed_the_limit(
        rate in 1..200_u32,
        burst in 1..150_u32,
        events in prop::collection::vec(event(), 1..600),
    ) {
        let limit = limit(rate, burst);
        let (mut now, mut table) = (START, Table::default());
        let mut processes: [Process; 3] = Default::default();
        let mut passed = Vec::new();
        for event in events {
            let (process, outcome) = match event {
                Event::Pass(time) => { now += time; continue }
                Event::Request(process) => (process, processes[process].request(limit, now).map(|passes| (now, passes))),
                Event::Write(process) => (process, processes[process].write(limit, &mut table)),
            };
            if let Some((made, passes)) = outcome {
                let remaining = processes[process].bucket.remaining(limit, made);
                prop_assert!(remaining < u64::from(burst) && (passes || remaining < limit.largest_block()), "{remaining}");
                passed.extend(passes.then_some(made));
            }
        }
        passed.sort_unstable();
        for (first, from) in passed.iter().enumerate() {
            for (last, to) in passed.iter().enumerate().skip(first) {
                let count = (last - first + 1) as u64;
                prop_assert!(count <= u64::from(burst) + (to - from) / limit.interval(), "{count} in {} µs", to - from);
            }
        }
    }

    /// If no blocks are taken, a process decides exactly as a token bucket with a level does.
    #[test]
    fn bucket_without_blocks_is_exact(
        rate in 1..200_u32,
        burst in 1..20_u32,
        pauses in prop::collection::vec(prop_oneof![0..20_000_u64, 0..2_000_000_u64], 1..200),
    ) {
        let limit = limit(rate, burst);
        let (mut now, mut table, mut process) = (START, Table::default(), Process::default());
        let mut level = limit.span();
        for pause in pauses {
            now += pause;
            level = limit.span().min(level + pause);
            let passes = level >= limit.interval();
            if passes {
                level -= limit.interval();
            }
            prop_assert_eq!(process.take(limit, now, &mut table), passes);
        }
    }

    /// With blocks, a flood loses at most one unspent block and one that it waits for, and causes few writes. (Buckets of size one are
    /// left out: such a bucket stays full until the next request.)
    #[test]
    fn flood_gets_its_share_with_few_writes(rate in 1..500_u32, burst in 2..500_u32, share in 1..100_u64) {
        let limit = limit(rate, burst);
        let (mut table, mut process) = (Table::default(), Process::default());
        let pause = limit.interval() * share / 100;
        let passed = (0..3_000).filter(|i| process.take(limit, START + i * pause, &mut table)).count() as u64;
        let allowed = u64::from(burst) + 2_999 * pause / limit.interval();
        let block = limit.largest_block();
        prop_assert!(passed <= allowed.min(3_000));
        prop_assert!(passed + 2 * block >= allowed.min(3_000), "{passed} of {allowed}");
        prop_assert!(table.writes as u64 <= 16 + 3 * passed / block, "{} writes for {passed}", table.writes);
    }
}

#[test]
fn clock_that_is_set_back_does_not_keep_the_bucket_closed() {
    let limit = limit(50, 100);
    let (mut table, mut process) = (Table::default(), Process::default());
    while process.take(limit, START, &mut table) {}
    assert!(!process.take(limit, START - 3_600_000_000, &mut table));
    assert!(process.take(limit, START + 1_000_000, &mut table));
}
