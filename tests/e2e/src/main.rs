//! The end-to-end tests: they start one stack on free ports and use it as a client would, one test after the other.
//!
//! With `AWS_ENDPOINT_URL`, the stack uses the emulator that runs there, and the tests that would restart it are ignored.
//!
//! They use a custom harness, because they share the stack and it has to be stopped after the last test.

mod api;
mod contract;
mod deduct;
mod fault_injection;
mod fixture;
mod leak_scan;
mod orders;
mod poison;
mod processes;
mod sample_events;
mod trace;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use local_stack::AwsEndpoint;
use schemathesis::{Output, Run};

use crate::fixture::Fixture;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("confirmed_order_is_one_complete_trace_and_one_notification", orders::confirmed),
        Trial::test("contract_check_detects_every_mutation", || Ok(contract::detects_every_mutation()?)),
        trial("recorded_orders_match_the_telemetry_contract", contract::check_recorded_orders),
        trial("order_above_the_stock_is_a_409_and_changes_nothing", orders::out_of_stock),
        trial("declined_payment_is_a_402_and_releases_the_stock", orders::declined),
        trial("callers_can_neither_see_nor_change_other_users_orders", orders::other_users),
        trial("parallel_buyers_get_the_stock_and_no_more", orders::parallel),
        trial("deduct_is_idempotent_and_never_oversells", deduct::idempotent),
        trial("every_function_accepts_its_sample_event", sample_events::invoke_all),
        trial("poison_record_is_parked_and_delays_no_order", async |fixture| poison::parked(fixture).await.map(drop)),
        trial("replay_handles_a_parked_record_once_it_can_be_read", poison::replay),
        trial("unresponsive_collector_fails_no_order", processes::suspend_the_collector),
        trial("killed_functions_are_replaced", processes::kill_inventory),
        own_emulator_trial("orders_stay_consistent_through_crashes_and_restarts", fault_injection::check),
        // After the tests above, because its requests change the stock that they count.
        trial("api_responses_match_the_openapi_document", async |fixture| {
            // The long form is `make schemathesis`.
            let run = Run { examples: 4, seed: 1 };
            schemathesis::run(fixture.stack(), &run, Output::Captured).await
        }),
        Trial::test("leak_detector_finds_every_kind_of_leak", || Ok(leak_scan::detects_every_kind()?)),
        // After everything that might leak.
        trial("logs_and_telemetry_hold_no_secret_and_no_personal_data", leak_scan::check),
        trial("every_metric_and_attribute_name_of_the_run_is_declared", async |fixture| contract::check_run(fixture)),
        // The last test, because it ends the stack.
        trial("dead_emulator_is_named_and_nothing_keeps_running", processes::kill_the_collector),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    Fixture::stop();
    conclusion.exit_code()
}

/// A test that restarts the AWS emulator. It is ignored when the emulator is not the stack's own.
fn own_emulator_trial(name: &str, test: impl AsyncFnOnce(&Fixture) -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        if let Some(endpoint) = AwsEndpoint::from_env().map_err(|error| format!("{error:#}"))? {
            return Ok(Completion::ignored_with(format!(
                "it restarts the AWS emulator, and {endpoint} is not the stack's own"
            )));
        }
        let fixture = Fixture::shared()?;
        fixture.runtime.block_on(test(fixture)).map_err(|error| format!("{error:#}"))?;
        Ok(Completion::Completed)
    })
}

fn trial(name: &str, test: impl AsyncFnOnce(&Fixture) -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let fixture = Fixture::shared()?;
        Ok(fixture.runtime.block_on(test(fixture)).map_err(|error| format!("{error:#}"))?)
    })
}
