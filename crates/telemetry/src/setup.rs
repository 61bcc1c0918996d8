//! The three providers, and how they are flushed.

use std::sync::mpsc;
use std::time::Duration;

use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_aws::detector::LambdaResourceDetector;
use opentelemetry_otlp::{RetryPolicy, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::oneshot;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// What this process records, and the thread that sends it.
pub struct Telemetry {
    flushes: mpsc::Sender<oneshot::Sender<()>>,
}

/// Longest wait for one export, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise. The collector is a neighbour: what it does
/// not take at once it will not take soon, and whoever pays for the wait is the next caller.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest wait for a flush after an invocation. Past it the flush goes on beside the next invocation.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// What is logged where `RUST_LOG` says nothing. A client's warnings about a broker that it goes on to reach are none of ours.
const LOGGED: &str = "info,krafka=error";

/// Sets up traces, metrics and logs for this process: `OTEL_*` variables say where they go and what is sampled, `RUST_LOG` what
/// is logged. Errors are wrong settings; a collector that is away is none.
pub fn init() -> anyhow::Result<Telemetry> {
    let resource = resource();
    let spans = opentelemetry_otlp::SpanExporter::builder().with_http();
    let spans = spans.with_retry_policy(RetryPolicy::disabled()).with_timeout(export_timeout()).build()?;
    let metrics = opentelemetry_otlp::MetricExporter::builder().with_http();
    let metrics = metrics.with_retry_policy(RetryPolicy::disabled()).with_timeout(export_timeout()).build()?;
    let logs = opentelemetry_otlp::LogExporter::builder().with_http();
    let logs = logs.with_retry_policy(RetryPolicy::disabled()).with_timeout(export_timeout()).build()?;

    let traces = SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans).build();
    let metrics = SdkMeterProvider::builder().with_resource(resource.clone()).with_periodic_exporter(metrics).build();
    let logs = SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(logs).build();

    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
    opentelemetry::global::set_meter_provider(metrics.clone());

    // What the exporters do must not be exported, or every export would cause another. And krafka's own messaging spans would
    // stand beside ours.
    let but = |silent: &[&'static str]| {
        let silent = silent.iter().map(|target| (*target, LevelFilter::OFF));
        Targets::new().with_default(LevelFilter::INFO).with_targets(silent)
    };
    let exporters = ["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp", "hyper", "hyper_util", "reqwest"];
    let tracer = traces.tracer(env!("CARGO_PKG_NAME"));
    let to_traces = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
    let to_traces = to_traces.with_tracked_inactivity(false).with_target(false);
    let to_stdout = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    tracing_subscriber::registry()
        .with(EnvFilter::builder().parse_lossy(std::env::var(EnvFilter::DEFAULT_ENV).as_deref().unwrap_or(LOGGED)))
        .with(to_traces.with_filter(but(&[&exporters[..], &["krafka"]].concat())))
        .with(OpenTelemetryTracingBridge::new(&logs).with_filter(but(&exporters)))
        .with(to_stdout.with_current_span(false))
        .try_init()?;

    Ok(Telemetry { flushes: flusher(traces, metrics, logs)? })
}

impl Telemetry {
    /// Sends what is recorded, and returns when it is sent or refused, at the latest after [`FLUSH_TIMEOUT`].
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.flushes.send(done).is_ok() {
            // Neither a late collector nor an absent one is an error of the invocation's.
            let _ = tokio::time::timeout(FLUSH_TIMEOUT, flushed).await;
        }
    }
}

/// A thread of its own for flushing: it blocks, and blocking a current-thread runtime would stop the exporters' sockets too.
/// The signals are sent side by side, so that a slow collector costs one wait, not three.
fn flusher(
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
) -> anyhow::Result<mpsc::Sender<oneshot::Sender<()>>> {
    let (flushes, asked) = mpsc::channel::<oneshot::Sender<()>>();
    std::thread::Builder::new().name("telemetry-flush".into()).spawn(move || {
        while let Ok(first) = asked.recv() {
            // Whoever asked while a late flush was under way is served by one.
            let waiting: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
            std::thread::scope(|scope| {
                scope.spawn(|| traces.force_flush());
                scope.spawn(|| logs.force_flush());
                let _ = metrics.force_flush();
            });
            for done in waiting {
                let _ = done.send(());
            }
        }
    })?;
    Ok(flushes)
}

fn resource() -> Resource {
    let resource = Resource::builder().with_detector(Box::new(LambdaResourceDetector));
    let name = ["OTEL_SERVICE_NAME", "AWS_LAMBDA_FUNCTION_NAME"].iter().find_map(|name| std::env::var(name).ok());
    match name {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

fn export_timeout() -> Duration {
    let millis = std::env::var("OTEL_EXPORTER_OTLP_TIMEOUT").ok().and_then(|millis| millis.parse().ok());
    millis.map_or(EXPORT_TIMEOUT, Duration::from_millis)
}
