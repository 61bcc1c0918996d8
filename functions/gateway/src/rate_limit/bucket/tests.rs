//! Buckets of several processes over a table that is one number.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

/// The table's item: what the store's two writes do, and under which conditions.
#[derive(Default)]
struct Table {
    tat: Option<Micros>,
    writes: usize,
}

impl Table {
    fn write(&mut self, limit: Limit, ask: Ask) -> Result<Micros, Micros> {
        self.writes += 1;
        let advance = ask.tokens * limit.interval();
        let tat = match self.tat {
            None if ask.is_of_full() => ask.now + advance,
            Some(tat) if ask.is_of_full() && tat < ask.now => ask.now + advance,
            Some(tat) if !ask.is_of_full() && (ask.now..=ask.now + limit.span() - advance).contains(&tat) => {
                tat + advance
            }
            refused => return Err(refused.unwrap_or_default()),
        };
        self.tat = Some(tat);
        Ok(tat)
    }
}

/// A process, and the question that it waits for.
#[derive(Default)]
struct Process {
    bucket: Bucket,
    asking: Option<(Ask, usize)>,
}

impl Process {
    /// A request comes, if the last one has its answer: whether it passes, where that is known at once.
    fn request(&mut self, limit: Limit, now: Micros) -> Option<bool> {
        if self.asking.is_some() {
            return None;
        }
        match self.bucket.take(limit, now) {
            Step::Allow => Some(true),
            Step::Refuse => Some(false),
            Step::Ask(ask) => {
                self.asking = Some((ask, 0));
                None
            }
        }
    }

    /// One write of the question: when the request came and whether it passes, where that is known now.
    fn write(&mut self, limit: Limit, table: &mut Table) -> Option<(Micros, bool)> {
        let (ask, writes) = self.asking.take()?;
        assert!(writes < 3, "a question takes at most three writes");
        let answer = match table.write(limit, ask) {
            Ok(tat) => Answer::Taken { tokens: ask.tokens, tat },
            Err(tat) => match ask.again(limit, tat) {
                Some(next) => {
                    self.asking = Some((next, writes + 1));
                    return None;
                }
                None => Answer::Empty { tat },
            },
        };
        Some((ask.now, self.bucket.learn(limit, ask.now, answer)))
    }

    /// A request and all its writes.
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

/// Some day in 2023.
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

    /// Of all requests that come in any span of time, no more pass than `burst + rate × time`, whichever process they come to
    /// and however its writes meet the others'.
    #[test]
    fn no_more_pass_than_the_limit(
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
            if let Some((came, passes)) = outcome {
                let remaining = processes[process].bucket.remaining(limit, came);
                prop_assert!(remaining < u64::from(burst) && (passes || remaining < limit.largest_block()), "{remaining}");
                passed.extend(passes.then_some(came));
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

    /// Where nothing is taken in blocks, a process decides each request as a bucket with a level would.
    #[test]
    fn small_buckets_are_exact(
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

    /// Blocks cost a flood no more than what is in hand and what it waits for; and they spare the table writes. (A bucket of one
    /// is left out: it is full, and fills no further, until the next request comes.)
    #[test]
    fn a_flood_gets_what_it_may_for_few_writes(rate in 1..500_u32, burst in 2..500_u32, share in 1..100_u64) {
        let limit = limit(rate, burst);
        let (mut table, mut process) = (Table::default(), Process::default());
        let pause = limit.interval() * share / 100;
        let passed = (0..3_000).filter(|i| process.take(limit, START + i * pause, &mut table)).count() as u64;
        let may = u64::from(burst) + 2_999 * pause / limit.interval();
        let block = limit.largest_block();
        prop_assert!(passed <= may.min(3_000));
        prop_assert!(passed + 2 * block >= may.min(3_000), "{passed} of {may}");
        prop_assert!(table.writes as u64 <= 16 + 3 * passed / block, "{} writes for {passed}", table.writes);
    }
}

#[test]
fn a_clock_that_jumps_back_closes_nothing_for_long() {
    let limit = limit(50, 100);
    let (mut table, mut process) = (Table::default(), Process::default());
    while process.take(limit, START, &mut table) {}
    assert!(!process.take(limit, START - 3_600_000_000, &mut table));
    assert!(process.take(limit, START + 1_000_000, &mut table));
}
