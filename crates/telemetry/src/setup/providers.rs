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

use crate::setup::client::Client;
use crate::setup::losses::{Counting, Losses};
use crate::setup::sampler::CriticalRoutes;

/// Longest wait for one export, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise. The collector is a neighbour: what it does
/// not take at once it will not take soon, and whoever pays for the wait is the next caller. For the same reason nothing that it
/// refuses is sent again.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Where everything that is recorded goes. Spans and log records wait in queues of 2,048 each (`OTEL_BSP_MAX_QUEUE_SIZE`,
/// `OTEL_BLRP_MAX_QUEUE_SIZE`); what does not fit is dropped and counted, so that memory is bounded whatever the collector does.
pub(super) struct Providers {
    pub(super) traces: SdkTracerProvider,
    pub(super) metrics: SdkMeterProvider,
    pub(super) logs: SdkLoggerProvider,
    /// Longest wait for one export.
    pub(super) export_timeout: Duration,
}

impl Providers {
    /// The providers as the `OTEL_*` variables say. The meter provider is the process's from here on.
    pub(super) fn from_env(critical_routes: &'static [&'static str], xray: bool) -> anyhow::Result<Self> {
        let (resource, export_timeout, losses) = (resource(), export_timeout(), Arc::new(Losses::default()));
        let client = Client::new(export_timeout)?;
        let once = RetryPolicy::disabled;
        let spans = SpanExporter::builder().with_http().with_http_client(client.clone()).with_retry_policy(once());
        let metrics = MetricExporter::builder().with_http().with_http_client(client.clone()).with_retry_policy(once());
        let logs = LogExporter::builder().with_http().with_http_client(client).with_retry_policy(once());

        let metrics = Counting::metrics(metrics.build()?, &losses);
        let metrics =
            SdkMeterProvider::builder().with_resource(resource.clone()).with_periodic_exporter(metrics).build();
        // First of all, because the others count what they drop.
        opentelemetry::global::set_meter_provider(metrics.clone());

        let spans = Counting::spans(spans.build()?, &losses);
        let traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let traces = traces.with_sampler(CriticalRoutes::from_env(critical_routes)).with_batch_exporter(spans);
        // X-Ray refuses a trace whose id does not begin with the time.
        let traces = if xray { traces.with_id_generator(XrayIdGenerator::default()) } else { traces };

        let logs = Counting::logs(logs.build()?, &losses);
        let logs = SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(logs).build();
        Ok(Self { traces: traces.build(), metrics, logs, export_timeout })
    }

    /// Sends what is recorded, and returns when it is sent or refused. The signals go side by side, so that a slow collector
    /// costs one wait, not three.
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
