//! The short form of `make simulate`: fixed seeds, every run the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

use std::sync::atomic::AtomicBool;

use clap::ValueEnum as _;
use simulator::{Plan, Sabotage, Totals, World, run};

fn simulate(orders: usize, seed: u64, sabotage: Option<Sabotage>) -> Totals {
    let plan = Plan { orders, orders_per_world: 10, seed, threads: 2, sabotage };
    run(plan, &AtomicBool::new(false), |_| {}).unwrap()
}

#[test]
fn every_promise_is_kept_whatever_goes_wrong() {
    let totals = simulate(120, 1, None);
    if let Some((world, outcome)) = totals.failed {
        panic!("{world:?} broke {:#?}", outcome.violations);
    }
    assert_eq!(totals.orders, 120);
    assert!(totals.struck.len() >= 10, "hardly anything went wrong: {:?}", totals.struck);
    assert!(totals.rests["CONFIRMED"] > 30 && totals.rests["CANCELLED"] > 0, "{:?}", totals.rests);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 1..=3 {
        let world = World { seed, orders: 12, sabotage: None, keep_diary: false };
        let (once, again) = (world.run().unwrap(), world.run().unwrap());
        assert_eq!((once.trace, once.struck, once.rests), (again.trace, again.struck, again.rests));
    }
}

#[test]
fn every_sabotage_is_found() {
    for sabotage in Sabotage::value_variants() {
        assert!(simulate(120, 1, Some(*sabotage)).failed.is_some(), "{sabotage:?} was not found");
    }
}
