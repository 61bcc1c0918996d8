//! What the collector did not take: counted in the conventions' [SDK metrics], and told of on stdout once a minute at most.
//!
//! What never came so far, because the queue was full, the SDK counts itself: `otel.sdk.processor.span.processed` and
//! `otel.sdk.processor.log.processed` with the `error.type` `queue_full`.
//!
//! [SDK metrics]: https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_semantic_conventions::metric::{OTEL_SDK_EXPORTER_LOG_EXPORTED, OTEL_SDK_EXPORTER_SPAN_EXPORTED};

/// Shortest time between two lines about losses.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// What was lost since the last line about it.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    spans: usize,
    log_records: usize,
    /// Nothing is lost with them where sums are cumulative: the next export has them.
    metric_exports: usize,
    last_line: Option<Instant>,
}

impl Losses {
    fn add(&self, error: &OTelSdkError, add: impl FnOnce(&mut Untold)) {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut untold);
        let told = untold.tell(Instant::now());
        drop(untold);
        if let Some(Untold { spans, log_records, metric_exports, .. }) = told {
            tracing::warn!(spans, log_records, metric_exports, %error, "the collector did not take all telemetry");
        }
    }
}

impl Untold {
    /// What a line says, where one may be written.
    fn tell(&mut self, now: Instant) -> Option<Self> {
        let may = self.last_line.is_none_or(|last| now.duration_since(last) >= BETWEEN_LINES);
        may.then(|| std::mem::replace(self, Self { last_line: Some(now), ..Self::default() }))
    }
}

/// An exporter that counts what becomes of what it is given.
#[derive(Debug)]
pub(super) struct Counting<E> {
    exporter: E,
    exported: Option<Counter<u64>>,
    component_type: &'static str,
    losses: Arc<Losses>,
}

impl<E> Counting<E> {
    pub(super) fn spans(exporter: E, losses: &Arc<Losses>) -> Self {
        let exported = counter(OTEL_SDK_EXPORTER_SPAN_EXPORTED, "{span}");
        Self { exporter, exported, component_type: "otlp_http_span_exporter", losses: Arc::clone(losses) }
    }

    pub(super) fn logs(exporter: E, losses: &Arc<Losses>) -> Self {
        let exported = counter(OTEL_SDK_EXPORTER_LOG_EXPORTED, "{log_record}");
        Self { exporter, exported, component_type: "otlp_http_log_exporter", losses: Arc::clone(losses) }
    }

    /// Only told of: an export of metrics that counted itself would never be done.
    pub(super) fn metrics(exporter: E, losses: &Arc<Losses>) -> Self {
        Self { exporter, exported: None, component_type: "otlp_http_metric_exporter", losses: Arc::clone(losses) }
    }

    fn count(&self, count: usize, result: &OTelSdkResult, add: impl FnOnce(&mut Untold)) {
        let mut attributes = vec![KeyValue::new("otel.component.type", self.component_type)];
        if let Err(error) = result {
            let error_type = if matches!(error, OTelSdkError::Timeout(_)) { "timeout" } else { "_OTHER" };
            attributes.push(KeyValue::new("error.type", error_type));
            self.losses.add(error, add);
        }
        if let Some(exported) = &self.exported {
            exported.add(count as u64, &attributes);
        }
    }
}

fn counter(name: &'static str, unit: &'static str) -> Option<Counter<u64>> {
    Some(opentelemetry::global::meter(env!("CARGO_PKG_NAME")).u64_counter(name).with_unit(unit).build())
}

/// Adds to the SDK's own counts what an export of metrics that failed held of them: with delta temporality it is nowhere else.
/// A collector that took it nevertheless counts it twice, which is better than a loss that nobody hears of.
fn count_again(metrics: &ResourceMetrics) {
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

impl<E: SpanExporter> SpanExporter for Counting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.exporter.export(batch).await;
        self.count(count, &result, |untold| untold.spans += count);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Counting<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        let result = self.exporter.export(batch).await;
        self.count(count, &result, |untold| untold.log_records += count);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Counting<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.count(1, &result, |untold| untold.metric_exports += 1);
        if result.is_err() {
            count_again(metrics);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_of_at_once_and_then_together_once_a_minute() {
        let (mut untold, start) = (Untold::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..=150 {
            untold.spans += 1;
            let told = untold.tell(start + Duration::from_secs(second));
            lines.extend(told.map(|told| (second, told.spans)));
        }
        assert_eq!(lines, [(0, 1), (60, 60), (120, 60)]);
        assert_eq!(untold.spans, 30, "what the next line says");
    }
}
