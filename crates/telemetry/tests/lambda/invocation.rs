//! The telemetry of an invocation, and the settings that change it.

use std::time::Duration;

use anyhow::{bail, ensure};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustix::process::Signal;

use crate::environment::Environment;
use crate::function::Event;
use crate::received::attribute;
use crate::runtime_api::ARN;

pub(crate) async fn invocation_is_flushed_after_its_response() -> anyhow::Result<()> {
    let mut environment = Environment::start(&[]).await?;
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    let span = environment.collector.received(|received| received.spans.first().cloned()).await?;
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
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    environment.collector.wait_until(|received| received.metric("faas.invocations", None) == 2).await?;
    let counts = environment
        .collector
        .received(|received| {
            let names =
                ["faas.coldstarts", "faas.init_duration", "faas.invoke_duration", "faas.errors", "faas.timeouts"];
            Some(names.map(|name| received.metric(name, None)))
        })
        .await?;
    ensure!(counts == [1, 1, 2, 0, 0], "{counts:?}");
    Ok(())
}

pub(crate) async fn failed_invocation_marks_its_span_and_logs_once() -> anyhow::Result<()> {
    for (event, error_type) in [(Event::Fail, "anyhow::Error"), (Event::Panic, "_OTHER")] {
        let mut environment = Environment::start(&[]).await?;
        ensure!(environment.invoke(event).await? == "error");
        let span = environment.collector.received(|received| received.spans.first().cloned()).await?;
        ensure!(span.status.clone().unwrap_or_default().code == StatusCode::Error as i32, "{span:?}");
        ensure!(attribute(&span.attributes, "error.type").as_deref() == Some(error_type), "{span:?}");
        ensure!(span.events.is_empty(), "{span:?}");
        environment.collector.wait_until(|received| received.metric("faas.errors", None) == 1).await?;
        let errors = environment
            .collector
            .received(|received| {
                let errors: Vec<_> = received.logs.iter().filter(|log| log.severity_text == "ERROR").cloned().collect();
                (!errors.is_empty()).then_some(errors)
            })
            .await?;
        let [error] = &errors[..] else { bail!("logged more than once: {errors:?}") };
        ensure!((&error.trace_id, &error.span_id) == (&span.trace_id, &span.span_id), "{error:?}");
    }
    Ok(())
}

pub(crate) async fn invocation_that_reaches_its_deadline_counts_as_timed_out() -> anyhow::Result<()> {
    let mut environment = Environment::start(&[]).await?;
    environment.send(Event::WaitForDeadline, Duration::from_secs(2));
    ensure!(environment.response().await?.outcome == "response");
    environment.collector.wait_until(|received| received.metric("faas.timeouts", None) == 1).await
}

pub(crate) async fn xray_header_is_the_parent_only_if_xray_is_propagated() -> anyhow::Result<()> {
    for (propagators, parent) in [("tracecontext,baggage", ""), ("tracecontext,xray", "4c721bf33e3caf8f")] {
        let mut environment = Environment::start(&[("OTEL_PROPAGATORS", propagators)]).await?;
        ensure!(environment.invoke(Event::Succeed).await? == "response");
        let span = environment.collector.received(|received| received.spans.first().cloned()).await?;
        let found: String = span.parent_span_id.iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(found == parent, "{propagators}: {found}");
    }
    Ok(())
}

pub(crate) async fn invalid_setting_ends_the_start() -> anyhow::Result<()> {
    for (variable, value, message) in [
        ("OTEL_PROPAGATORS", "b3", "OTEL_PROPAGATORS: \"b3\" is not one of"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://no such", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let mut environment = Environment::start(&[(variable, value)]).await?;
        environment.lines_until(message).await?;
        ensure!(environment.process.wait().await?.code() == Some(1), "{variable}");
    }
    Ok(())
}

pub(crate) async fn disabled_telemetry_records_nothing_and_propagates_contexts() -> anyhow::Result<()> {
    let mut environment =
        Environment::start(&[("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_PROPAGATORS", "tracecontext,xray")]).await?;
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    let lines = environment.lines_until("started").await?;
    let traceparent = "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01";
    ensure!(lines.iter().any(|line| line.contains(traceparent)), "{lines:?}");
    environment.signal(Signal::TERM)?;
    ensure!(environment.process.wait().await?.success());
    ensure!(environment.collector.received(|received| Some(received.exports)).await? == 0);
    Ok(())
}
