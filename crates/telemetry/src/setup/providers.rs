//! The providers of spans, metrics and log records, each with its OTLP exporter.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_aws::detector::LambdaResourceDetector;
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_otlp::{LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::setup::counting_exporter::CountingExporter;
use crate::setup::drop_log::DropLog;
use crate::setup::export_client::ExportClient;
use crate::setup::sampler::CriticalRouteSampler;

/// Timeout of one export, unless `OTEL_EXPORTER_OTLP_TIMEOUT` is set. The collector runs in the same environment: if it
/// does not accept an export at once, it will not do so soon, and waiting would delay the next invocation. A rejected
/// export is not retried, for the same reason.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The providers of all signals. Spans and log records wait in queues of 2,048 each (`OTEL_BSP_MAX_QUEUE_SIZE`,
/// `OTEL_BLRP_MAX_QUEUE_SIZE`). A full queue drops and counts the rest, so that memory is bounded whatever the
/// collector does.
pub(super) struct Providers {
    pub(super) traces: SdkTracerProvider,
    pub(super) metrics: SdkMeterProvider,
    pub(super) logs: SdkLoggerProvider,
    /// Timeout of one export.
    pub(super) export_timeout: Duration,
}

impl Providers {
    /// Builds the providers from the `OTEL_*` variables, and sets the global meter provider.
    pub(super) fn from_env(critical_routes: &'static [&'static str], xray: bool) -> anyhow::Result<Self> {
        let (resource, export_timeout, drop_log) = (resource(), export_timeout(), Arc::new(DropLog::default()));
        let client = ExportClient::new(export_timeout)?;
        let no_retry = RetryPolicy::disabled;
        let spans = SpanExporter::builder().with_http().with_http_client(client.clone()).with_retry_policy(no_retry());
        let metrics =
            MetricExporter::builder().with_http().with_http_client(client.clone()).with_retry_policy(no_retry());
        let logs = LogExporter::builder().with_http().with_http_client(client).with_retry_policy(no_retry());

        let metrics = CountingExporter::metrics(metrics.build()?, &drop_log);
        let metrics =
            SdkMeterProvider::builder().with_resource(resource.clone()).with_periodic_exporter(metrics).build();
        // Before the other providers are built, because they count what they drop.
        opentelemetry::global::set_meter_provider(metrics.clone());

        let spans = CountingExporter::spans(spans.build()?, &drop_log);
        let traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let traces = traces.with_sampler(CriticalRouteSampler::from_env(critical_routes)).with_batch_exporter(spans);
        // X-Ray rejects trace ids that do not begin with the time.
        let traces = if xray { traces.with_id_generator(XrayIdGenerator::default()) } else { traces };

        let logs = CountingExporter::logs(logs.build()?, &drop_log);
        let logs = SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(logs).build();
        Ok(Self { traces: traces.build(), metrics, logs, export_timeout })
    }

    /// Sends what is recorded, and returns when every export has succeeded or failed. The signals are sent in parallel,
    /// so that a slow collector costs one wait, not three.
    pub(super) fn flush(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.traces.force_flush());
            scope.spawn(|| self.logs.force_flush());
            let _ = self.metrics.force_flush();
        });
    }
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
