//! Tests of the telemetry of a real process, between a fake Runtime API and a fake collector. This binary is both the
//! tests and, with [`IS_FUNCTION`] in its environment, the function.

mod collector;
mod environment;
mod freeze;
mod function;
mod invocation;
mod outage;
mod received;
mod runtime_api;
mod shutdown;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// The variable that makes this binary the function.
const IS_FUNCTION: &str = "IS_FUNCTION";

fn main() -> ExitCode {
    if std::env::var_os(IS_FUNCTION).is_some() {
        return match function::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{error:#}");
                ExitCode::FAILURE
            }
        };
    }
    macro_rules! trials {
        ($($test:path),* $(,)?) => { vec![$(trial(stringify!($test), $test)),*] };
    }
    let trials = trials![
        invocation::invocation_is_flushed_after_its_response,
        invocation::failed_invocation_marks_its_span_and_logs_once,
        invocation::invocation_that_reaches_its_deadline_counts_as_timed_out,
        invocation::xray_header_is_the_parent_only_if_xray_is_propagated,
        invocation::invalid_setting_ends_the_start,
        invocation::disabled_telemetry_records_nothing_and_propagates_contexts,
        freeze::frozen_after_each_response_loses_nothing,
        freeze::frozen_during_an_export_loses_nothing,
        freeze::frozen_until_its_connections_are_closed_loses_nothing,
        shutdown::killed_when_idle_loses_nothing,
        shutdown::killed_after_its_response_loses_only_that_invocation,
        shutdown::sigterm_cancels_the_invocation_and_loses_nothing,
        shutdown::sigterm_after_a_response_loses_nothing,
        outage::collector_that_is_down_fails_no_invocation,
        outage::slow_collector_receives_everything,
        outage::late_collector_gets_no_flush_during_the_backoff_until_sigterm,
        outage::spans_dropped_while_collector_hangs_and_rejects_are_counted,
        outage::every_span_lost_in_an_outage_is_counted,
        outage::memory_is_bounded_over_ten_thousand_orders_while_collector_hangs,
        outage::memory_is_bounded_over_ten_thousand_orders_while_collector_rejects,
        outage::memory_is_bounded_over_ten_thousand_orders_while_collector_is_down,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial<F>(name: &'static str, test: fn() -> F) -> Trial
where
    F: Future<Output = anyhow::Result<()>> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(test()).map_err(|error| format!("{error:?}").into())
    })
}
