//! A short form of `make simulate`, with fixed seeds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

use std::sync::atomic::AtomicBool;

use clap::ValueEnum as _;
use simulator::{Campaign, Mutation, Totals, Trial};

fn simulate(orders: usize, seed: u64, mutation: Option<Mutation>) -> Totals {
    let campaign = Campaign { orders, orders_per_trial: 10, seed, threads: 2, mutation };
    campaign.run(&AtomicBool::new(false), |_| {}).unwrap()
}

#[test]
fn all_invariants_hold_despite_faults() {
    let totals = simulate(120, 1, None);
    if let Some((trial, outcome)) = totals.failed {
        panic!("violated: {:#?}\nreplay: {}", outcome.violations, trial.replay_command());
    }
    assert_eq!(totals.orders, 120);
    assert!(totals.faults.len() >= 10, "too few kinds of faults were injected: {:?}", totals.faults);
    assert!(totals.statuses["CONFIRMED"] > 30 && totals.statuses["CANCELLED"] > 0, "{:?}", totals.statuses);
}

#[test]
fn same_seed_gives_the_same_run() {
    for seed in 1..=3 {
        let trial = Trial { seed, orders: 12, mutation: None, keep_log: false };
        let (first, second) = (trial.run().unwrap(), trial.run().unwrap());
        assert_eq!(
            (first.fingerprint, first.faults, first.statuses),
            (second.fingerprint, second.faults, second.statuses)
        );
    }
}

#[test]
fn every_mutation_is_detected() {
    for mutation in Mutation::value_variants() {
        assert!(simulate(120, 1, Some(*mutation)).failed.is_some(), "{mutation:?} was not detected");
    }
}

#[test]
fn replay_command_names_seed_orders_and_mutation() {
    let trial = Trial { seed: 7, orders: 12, mutation: Some(Mutation::NoRecovery), keep_log: false };
    let expected = "make simulate ARGS='--replay 7 --orders-per-trial 12 --mutation no-recovery --verbose'";
    assert_eq!(trial.replay_command(), expected);
}
