//! What is recorded while a test runs.

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

/// The spans of a test's own thread, and the metrics of all tests.
pub(crate) struct Recorded {
    spans: InMemorySpanExporter,
    _subscriber: tracing::subscriber::DefaultGuard,
}

/// One metric with one set of attributes.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) unit: String,
    pub(crate) buckets: Vec<f64>,
    pub(crate) count: u64,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Recorded {
    /// Records from here on.
    pub(crate) fn start() -> Self {
        metrics();
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_location(false);
        let layer = layer.with_threads(false).with_tracked_inactivity(false).with_target(false);
        // As in a function: the SDK's own spans are below it.
        let layer = layer.with_filter(LevelFilter::INFO);
        Self { spans, _subscriber: tracing_subscriber::registry().with(layer).set_default() }
    }

    /// The spans that have ended, in their order.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The only span that has ended.
    pub(crate) fn span(&self) -> SpanData {
        let [span] = <[_; 1]>::try_from(self.spans()).unwrap();
        span
    }

    /// What a metric has, where an attribute has a value that is this test's own.
    pub(crate) fn points(&self, name: &str, key: &str, value: &str) -> Vec<Point> {
        let (provider, exporter) = metrics();
        provider.force_flush().unwrap();
        let exports = exporter.get_finished_metrics().unwrap();
        let scopes = exports.last().unwrap().scope_metrics().filter(|scope| scope.scope().name() == "telemetry");
        let metrics: Vec<_> = scopes.flat_map(|scope| scope.metrics()).filter(|metric| metric.name() == name).collect();
        let points = metrics.into_iter().flat_map(points);
        points.filter(|point| point.attributes.get(key).is_some_and(|known| known == value)).collect()
    }

    /// The only one of [`Self::points`].
    pub(crate) fn point(&self, name: &str, key: &str, value: &str) -> Point {
        let [point] = <[_; 1]>::try_from(self.points(name, key, value)).unwrap();
        point
    }
}

/// A span's attributes as text; an array's with spaces between.
pub(crate) fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    texts(span.attributes.iter())
}

/// A map of text.
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
        assert_eq!(texts.insert(key.to_string(), text), None, "{key} is there twice");
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

/// The process's meter provider and propagator.
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
