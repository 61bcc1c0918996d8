//! End to end: one stack on free ports, and what a person would do with it, one thing after the other.
//!
//! With a harness of its own, because the tests share the stack and it has to be stopped after the last one.

mod api;
mod chaos;
mod contract;
mod functions;
mod orders;
mod poison;
mod scan;
mod trace;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::world::World;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("an_order_is_one_whole_trace_and_one_notification", async |world| orders::whole(world).await),
        Trial::test("the_contract_finds_what_is_planted", || Ok(contract::finds_what_is_planted()?)),
        trial("what_is_emitted_is_what_the_contract_says", async |world| contract::kept(world).await),
        trial("more_than_the_stock_is_a_409_and_changes_nothing", async |world| orders::out_of_stock(world).await),
        trial("a_declined_payment_is_a_402_and_releases_the_stock", async |world| orders::declined(world).await),
        trial("what_is_not_the_callers_is_refused", async |world| orders::not_the_callers(world).await),
        trial("buyers_in_parallel_get_what_there_is_and_no_more", async |world| orders::parallel(world).await),
        trial("every_event_invokes_its_function", async |world| functions::invoke_with_every_event(world).await),
        trial("a_poison_record_is_parked_and_holds_up_nobody", async |world| poison::parked(world).await.map(drop)),
        trial("a_collector_that_hangs_fails_no_order", async |world| functions::hang_the_collector(world).await),
        trial("killed_functions_are_replaced", async |world| functions::kill_and_order(world).await),
        trial("orders_are_right_whatever_crashes", async |world| chaos::survive(world).await),
        // It sells and changes what the others count on.
        trial("answers_are_as_the_api_document_says", async |world| {
            // The long form is `make schemathesis`.
            let few = schemathesis::Run { examples: 4, seed: 1 };
            schemathesis::run(world.stack(), &few, schemathesis::Report::Kept).await
        }),
        Trial::test("the_scan_finds_what_is_planted", || Ok(scan::finds_what_is_planted()?)),
        // After all that may leak.
        trial("nothing_emitted_holds_a_secret_or_a_person", async |world| scan::everything_emitted(world).await),
        trial("no_metric_and_no_name_of_the_run_is_undeclared", async |world| contract::kept_by_the_run(world)),
        // The last one: it ends the stack.
        trial("a_dead_emulator_is_named_and_nothing_is_left", async |world| functions::kill_an_emulator(world).await),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    World::stop();
    conclusion.exit_code()
}

fn trial(name: &str, test: impl AsyncFnOnce(&World) -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let world = World::get()?;
        Ok(world.runtime.block_on(test(world)).map_err(|error| format!("{error:#}"))?)
    })
}
