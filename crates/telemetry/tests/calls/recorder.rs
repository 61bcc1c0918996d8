//! Records the spans and metrics of a test in memory.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_aws::trace::XrayPropagator;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

/// Records the spans of a test's own thread. The metrics of all tests are recorded together.
pub(crate) struct Recorder {
    spans: InMemorySpanExporter,
    _subscriber: tracing::subscriber::DefaultGuard,
}

/// A data point: one metric with one set of attributes.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) unit: String,
    pub(crate) buckets: Vec<f64>,
    pub(crate) count: u64,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Recorder {
    /// Records until this is dropped.
    pub(crate) fn start() -> Self {
        metrics();
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_location(false);
        let layer = layer.with_threads(false).with_tracked_inactivity(false).with_target(false);
        // As in a function: without the SDK's own spans, which are below INFO.
        let layer = layer.with_filter(LevelFilter::INFO);
        // Interested in everything, so that a test without a subscriber, in another thread, does not switch off the events and
        // spans for this one: tracing remembers per callsite whether anyone is interested.
        _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        Self { spans, _subscriber: tracing_subscriber::registry().with(layer).set_default() }
    }

    /// The finished spans, in the order in which they ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The finished span. Panics unless there is exactly one.
    pub(crate) fn span(&self) -> SpanData {
        let [span] = <[_; 1]>::try_from(self.spans()).unwrap();
        span
    }

    /// The data points of a metric in which an attribute has a value that only this test uses.
    pub(crate) fn points(&self, name: &str, key: &str, value: &str) -> Vec<Point> {
        let (provider, exporter) = metrics();
        provider.force_flush().unwrap();
        let exports = exporter.get_finished_metrics().unwrap();
        let scopes = exports.last().unwrap().scope_metrics().filter(|scope| scope.scope().name() == "telemetry");
        let metrics: Vec<_> = scopes.flat_map(|scope| scope.metrics()).filter(|metric| metric.name() == name).collect();
        let points = metrics.into_iter().flat_map(points);
        points.filter(|point| point.attributes.get(key).is_some_and(|known| known == value)).collect()
    }

    /// The data point of [`Self::points`]. Panics unless there is exactly one.
    pub(crate) fn point(&self, name: &str, key: &str, value: &str) -> Point {
        let [point] = <[_; 1]>::try_from(self.points(name, key, value)).unwrap();
        point
    }
}

/// A span's attributes as text; the elements of an array are separated by spaces.
pub(crate) fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    texts(span.attributes.iter())
}

pub(crate) fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn texts<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for KeyValue { key, value, .. } in attributes {
        let text = match value {
            Value::Array(Array::String(texts)) => texts.iter().map(StringValue::as_str).collect::<Vec<_>>().join(" "),
            value => value.to_string(),
        };
        assert_eq!(texts.insert(key.to_string(), text), None, "{key} is set twice");
    }
    texts
}

fn points(metric: &Metric) -> Vec<Point> {
    let unit = metric.unit().to_owned();
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            let points = histogram.data_points().map(|point| Point {
                unit: unit.clone(),
                buckets: point.bounds().collect(),
                count: point.count(),
                attributes: texts(point.attributes()),
            });
            points.collect()
        }
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            let points = sum.data_points().map(|point| Point {
                unit: unit.clone(),
                buckets: Vec::new(),
                count: point.value(),
                attributes: texts(point.attributes()),
            });
            points.collect()
        }
        data => panic!("{data:?}"),
    }
}

/// The meter provider of this process. Sets the propagators too.
fn metrics() -> &'static (SdkMeterProvider, InMemoryMetricExporter) {
    static METRICS: OnceLock<(SdkMeterProvider, InMemoryMetricExporter)> = OnceLock::new();
    METRICS.get_or_init(|| {
        opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
            Box::new(XrayPropagator::default()),
        ]));
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
        opentelemetry::global::set_meter_provider(provider.clone());
        (provider, exporter)
    })
}
