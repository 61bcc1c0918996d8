//! The telemetry that a collector has received.

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message as _};

/// The received telemetry. Of cumulative metrics, only the last export is kept.
#[derive(Default)]
pub(crate) struct Received {
    /// Exports of all signals, accepted or not.
    pub(crate) exports: usize,
    /// Exports whose connection was closed without a response.
    pub(crate) disconnects: usize,
    pub(crate) spans: Vec<Span>,
    pub(crate) logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
}

impl Received {
    /// Adds an accepted export.
    pub(crate) fn add(&mut self, signal: &str, body: Bytes) -> Result<(), DecodeError> {
        match signal {
            "traces" => {
                let resources = ExportTraceServiceRequest::decode(body)?.resource_spans.into_iter();
                let scopes = resources.flat_map(|resource| resource.scope_spans);
                self.spans.extend(scopes.flat_map(|scope| scope.spans));
            }
            "logs" => {
                let resources = ExportLogsServiceRequest::decode(body)?.resource_logs.into_iter();
                let scopes = resources.flat_map(|resource| resource.scope_logs);
                self.logs.extend(scopes.flat_map(|scope| scope.log_records));
            }
            _ => {
                let resources = ExportMetricsServiceRequest::decode(body)?.resource_metrics.into_iter();
                let scopes = resources.flat_map(|resource| resource.scope_metrics);
                self.metrics.retain(is_delta);
                self.metrics.extend(scopes.flat_map(|scope| scope.metrics));
            }
        }
        Ok(())
    }

    /// The number of data points of the metric that has the most.
    pub(crate) fn max_points(&self) -> usize {
        let points = self.metrics.iter().map(|metric| match &metric.data {
            Some(Data::Sum(data)) => data.data_points.len(),
            Some(Data::Histogram(data)) => data.data_points.len(),
            _ => 0,
        });
        points.max().unwrap_or_default()
    }

    /// The sum of a counter over the data points with this `error.type`, or the count of a histogram.
    pub(crate) fn metric(&self, name: &str, error_type: Option<&str>) -> u64 {
        let of_type = |attributes: &[KeyValue]| attribute(attributes, "error.type").as_deref() == error_type;
        let metrics = self.metrics.iter().filter(|metric| metric.name == name);
        metrics.fold(0, |sum, metric| match &metric.data {
            Some(Data::Sum(data)) => {
                let points = data.data_points.iter().filter(|point| of_type(&point.attributes));
                points.fold(sum, |sum, point| match point.value {
                    Some(number_data_point::Value::AsInt(value)) => sum + value.unsigned_abs(),
                    _ => sum,
                })
            }
            Some(Data::Histogram(data)) => data.data_points.iter().fold(sum, |sum, point| sum + point.count),
            _ => sum,
        })
    }
}

fn is_delta(metric: &Metric) -> bool {
    let delta = AggregationTemporality::Delta as i32;
    match &metric.data {
        Some(Data::Sum(data)) => data.aggregation_temporality == delta,
        Some(Data::Histogram(data)) => data.aggregation_temporality == delta,
        _ => false,
    }
}

/// The value of an attribute as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(value) => value.to_string(),
        other => format!("{other:?}"),
    })
}
