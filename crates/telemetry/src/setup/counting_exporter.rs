//! Exporters that count what they export and what they drop, in the conventions' [SDK metrics].
//!
//! Spans and log records that never reach an exporter, because the queue was full, are counted by the SDK itself, in
//! `otel.sdk.processor.span.processed` and `otel.sdk.processor.log.processed` with `error.type` `queue_full`.
//!
//! [SDK metrics]: https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::metrics::{self, Counter};
use crate::setup::drop_log::{DropLog, Dropped};

/// Wraps the exporter of one signal.
#[derive(Debug)]
pub(super) struct CountingExporter<E> {
    exporter: E,
    exported: Option<&'static Counter>,
    component_type: &'static str,
    drop_log: Arc<DropLog>,
}

impl<E> CountingExporter<E> {
    pub(super) fn spans(exporter: E, drop_log: &Arc<DropLog>) -> Self {
        let exported = Some(&metrics::OTEL_SDK_EXPORTER_SPAN_EXPORTED);
        Self { exporter, exported, component_type: "otlp_http_span_exporter", drop_log: Arc::clone(drop_log) }
    }

    pub(super) fn logs(exporter: E, drop_log: &Arc<DropLog>) -> Self {
        let exported = Some(&metrics::OTEL_SDK_EXPORTER_LOG_EXPORTED);
        Self { exporter, exported, component_type: "otlp_http_log_exporter", drop_log: Arc::clone(drop_log) }
    }

    /// Only logs drops. An export of metrics that counted itself would leave a new count to export every time.
    pub(super) fn metrics(exporter: E, drop_log: &Arc<DropLog>) -> Self {
        let component_type = "otlp_http_metric_exporter";
        Self { exporter, exported: None, component_type, drop_log: Arc::clone(drop_log) }
    }

    fn count(&self, count: usize, result: &OTelSdkResult, add: impl FnOnce(&mut Dropped)) {
        let mut attributes = vec![KeyValue::new("otel.component.type", self.component_type)];
        if let Err(error) = result {
            let error_type = if matches!(error, OTelSdkError::Timeout(_)) { "timeout" } else { "_OTHER" };
            attributes.push(KeyValue::new("error.type", error_type));
            self.drop_log.add(error, add);
        }
        if let Some(exported) = self.exported {
            exported.add(count as u64, &attributes);
        }
    }
}

/// Adds the `otel.sdk.*` counts of a failed metric export to their counters again. With delta temporality they would be
/// lost otherwise. If the collector accepted the export nevertheless, they are counted twice, which is better than
/// hiding a loss.
fn restore_sdk_counts(metrics: &ResourceMetrics) {
    for scope in metrics.scope_metrics() {
        let meter = opentelemetry::global::meter_with_scope(scope.scope().clone());
        for metric in scope.metrics().filter(|metric| metric.name().starts_with("otel.sdk.")) {
            let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else { continue };
            if sum.temporality() == Temporality::Delta {
                let counter = meter.u64_counter(metric.name().to_owned()).with_unit(metric.unit().to_owned());
                let counter = counter.with_description(metric.description().to_owned()).build();
                for point in sum.data_points() {
                    counter.add(point.value(), &point.attributes().cloned().collect::<Vec<_>>());
                }
            }
        }
    }
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.exporter.export(batch).await;
        self.count(count, &result, |dropped| dropped.spans += count);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for CountingExporter<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        let result = self.exporter.export(batch).await;
        self.count(count, &result, |dropped| dropped.log_records += count);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for CountingExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.count(1, &result, |dropped| dropped.metric_exports += 1);
        if result.is_err() {
            restore_sdk_counts(metrics);
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
