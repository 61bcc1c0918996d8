//! A function in a process of its own, between a Runtime API and a collector that do what the test wants. The binary is both:
//! the tests, and with [`IS_FUNCTION`] in its environment the function.

mod collector;
mod death;
mod freeze;
mod function;
mod got;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use libtest_mimic::{Arguments, Trial};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustix::process::Signal;

use crate::function::Event;
use crate::got::attribute;
use crate::world::{ARN, World};

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
        an_invocation_is_flushed_when_it_is_answered,
        a_failed_invocation_fails_its_span_and_logs_once,
        an_invocation_at_its_deadline_counts_as_timed_out,
        x_ray_is_the_parent_only_where_it_is_named,
        a_wrong_setting_ends_the_start,
        disabled_it_records_nothing_and_hands_contexts_on,
        freeze::frozen_after_each_answer_a_function_loses_nothing,
        freeze::frozen_while_it_exports_a_function_loses_nothing,
        freeze::frozen_until_its_connections_are_closed_a_function_loses_nothing,
        death::killed_when_it_is_idle_a_function_has_lost_nothing,
        death::killed_when_it_has_answered_a_function_has_lost_nothing_else,
        death::sigterm_gives_up_what_is_under_way_and_loses_nothing,
        death::sigterm_after_an_answer_loses_nothing,
        collector::one_that_is_away_fails_nothing,
        collector::a_slow_one_gets_everything,
        collector::one_that_is_late_is_left_alone_until_sigterm,
        collector::one_that_hangs_refuses_and_comes_back_costs_spans_that_are_counted,
        collector::what_one_that_was_away_did_not_get_is_counted_to_the_last_span,
        collector::ten_thousand_orders_while_one_hangs_take_bounded_memory,
        collector::ten_thousand_orders_while_one_refuses_take_bounded_memory,
        collector::ten_thousand_orders_while_one_is_away_take_bounded_memory,
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

async fn an_invocation_is_flushed_when_it_is_answered() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    ensure!(world.invoke(Event::Succeed).await? == "response");
    let span = world.got(|got| got.spans.first().cloned()).await?;
    ensure!(span.name == "tested" && span.kind == SpanKind::Server as i32, "{span:?}");
    ensure!(span.parent_span_id.is_empty() && span.status.clone().unwrap_or_default().code == 0, "{span:?}");
    for (key, value) in [
        ("faas.trigger", "timer"),
        ("faas.invocation_id", "r-1"),
        ("faas.coldstart", "true"),
        ("aws.lambda.invoked_arn", ARN),
        ("cloud.account.id", "123456789012"),
        ("cloud.resource_id", ARN),
    ] {
        ensure!(attribute(&span.attributes, key).as_deref() == Some(value), "{key}: {span:?}");
    }
    ensure!(world.invoke(Event::Succeed).await? == "response");
    world.got(|got| (got.metric("faas.invocations", None) == 2).then_some(())).await?;
    let counts = world
        .got(|got| {
            let names =
                ["faas.coldstarts", "faas.init_duration", "faas.invoke_duration", "faas.errors", "faas.timeouts"];
            Some(names.map(|name| got.metric(name, None)))
        })
        .await?;
    ensure!(counts == [1, 1, 2, 0, 0], "{counts:?}");
    Ok(())
}

async fn a_failed_invocation_fails_its_span_and_logs_once() -> anyhow::Result<()> {
    for (event, error_type) in [(Event::Fail, "anyhow::Error"), (Event::Panic, "_OTHER")] {
        let mut world = World::start(&[]).await?;
        ensure!(world.invoke(event).await? == "error");
        let span = world.got(|got| got.spans.first().cloned()).await?;
        ensure!(span.status.clone().unwrap_or_default().code == StatusCode::Error as i32, "{span:?}");
        ensure!(attribute(&span.attributes, "error.type").as_deref() == Some(error_type), "{span:?}");
        ensure!(span.events.is_empty(), "{span:?}");
        world.got(|got| (got.metric("faas.errors", None) == 1).then_some(())).await?;
        let errors = world
            .got(|got| {
                let errors: Vec<_> = got.logs.iter().filter(|log| log.severity_text == "ERROR").cloned().collect();
                (!errors.is_empty()).then_some(errors)
            })
            .await?;
        let [error] = &errors[..] else { anyhow::bail!("logged more than once: {errors:?}") };
        ensure!((&error.trace_id, &error.span_id) == (&span.trace_id, &span.span_id), "{error:?}");
    }
    Ok(())
}

async fn an_invocation_at_its_deadline_counts_as_timed_out() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    world.ask(Event::UseAllTheTime, Duration::from_secs(2));
    ensure!(world.answer().await?.outcome == "response");
    world.got(|got| (got.metric("faas.timeouts", None) == 1).then_some(())).await
}

async fn x_ray_is_the_parent_only_where_it_is_named() -> anyhow::Result<()> {
    for (propagators, parent) in [("tracecontext,baggage", ""), ("tracecontext,xray", "4c721bf33e3caf8f")] {
        let mut world = World::start(&[("OTEL_PROPAGATORS", propagators)]).await?;
        ensure!(world.invoke(Event::Succeed).await? == "response");
        let span = world.got(|got| got.spans.first().cloned()).await?;
        let found: String = span.parent_span_id.iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(found == parent, "{propagators}: {found}");
    }
    Ok(())
}

async fn a_wrong_setting_ends_the_start() -> anyhow::Result<()> {
    for (variable, value, said) in [
        ("OTEL_PROPAGATORS", "b3", "OTEL_PROPAGATORS: \"b3\" is none of"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://no such", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let mut world = World::start(&[(variable, value)]).await?;
        world.lines_to(said).await?;
        ensure!(world.process.wait().await?.code() == Some(1), "{variable}");
    }
    Ok(())
}

async fn disabled_it_records_nothing_and_hands_contexts_on() -> anyhow::Result<()> {
    let mut world = World::start(&[("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_PROPAGATORS", "tracecontext,xray")]).await?;
    ensure!(world.invoke(Event::Succeed).await? == "response");
    let lines = world.lines_to("begun").await?;
    let traceparent = "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01";
    ensure!(lines.iter().any(|line| line.contains(traceparent)), "{lines:?}");
    world.signal(Signal::TERM)?;
    ensure!(world.process.wait().await?.success());
    ensure!(world.got(|got| Some(got.exports)).await? == 0);
    Ok(())
}
