//! What the collector received and sent on, in the form in which the table speaks of it.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use local_trace_viewer::model::{Attributes, Span, SpanRef};
use local_trace_viewer::recording;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

/// All that has been recorded until now.
pub(super) struct Recorded {
    pub(super) spans: Vec<Span>,
    pub(super) points: Vec<Point>,
    pub(super) logs: Vec<Log>,
}

/// A data point of a metric.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) resource: Attributes,
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) instrument: &'static str,
    /// Of a counter or a histogram. What goes up and down is as it is.
    pub(super) temporality: Option<&'static str>,
    /// A histogram's bounds.
    pub(super) buckets: Vec<f64>,
    pub(super) attributes: Attributes,
}

/// A log record.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) resource: Attributes,
    /// The span in which it was made.
    pub(super) span: SpanRef,
    pub(super) severity: String,
    pub(super) body: String,
    pub(super) attributes: Attributes,
}

impl Recorded {
    /// Reads a recording, which may still be made.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let logs = recording::read::<ExportLogsServiceRequest>(dir)?.map(ExportLogsServiceRequest::decode);
        Ok(Self {
            spans: recording::spans(dir)?,
            points: all_points(dir)?,
            logs: logs.map(|request| Ok(self::logs(request?))).collect::<Result<Vec<_>>>()?.concat(),
        })
    }
}

/// The `service.name` of a resource.
pub(super) fn service(resource: &Attributes) -> &str {
    resource.get("service.name").and_then(|name| name.as_str()).unwrap_or("?")
}

fn resource(proto: Option<Resource>) -> Attributes {
    recording::attributes(proto.unwrap_or_default().attributes)
}

/// A process reports a point again and again: each is here once.
fn all_points(dir: &Path) -> Result<Vec<Point>> {
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    for request in recording::read::<ExportMetricsServiceRequest>(dir)? {
        let points = points(ExportMetricsServiceRequest::decode(request)?).into_iter();
        all.extend(points.filter(|point| {
            let Point { resource, metric, unit, instrument, temporality, buckets, attributes } = point;
            let process = &resource.get("faas.instance");
            known.insert(format!("{process:?} {metric} {unit} {instrument} {temporality:?} {buckets:?} {attributes:?}"))
        }));
    }
    Ok(all)
}

fn points(request: ExportMetricsServiceRequest) -> Vec<Point> {
    let mut points = Vec::new();
    for of_resource in request.resource_metrics {
        let resource = resource(of_resource.resource);
        for metric in of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics) {
            points.extend(points_of(metric, &resource));
        }
    }
    points
}

fn points_of(metric: Metric, resource: &Attributes) -> Vec<Point> {
    let Metric { name, unit, data, .. } = metric;
    let point = |instrument, temporality, buckets, attributes| Point {
        resource: resource.clone(),
        metric: name.clone(),
        unit: unit.clone(),
        instrument,
        temporality,
        buckets,
        attributes: recording::attributes(attributes),
    };
    match data {
        Some(Data::Histogram(histogram)) => {
            let temporality = Some(temporality(histogram.aggregation_temporality));
            let points = histogram.data_points.into_iter();
            points.map(|data| point("histogram", temporality, data.explicit_bounds, data.attributes)).collect()
        }
        Some(Data::Sum(sum)) => {
            let temporality = sum.is_monotonic.then(|| temporality(sum.aggregation_temporality));
            let instrument = if sum.is_monotonic { "counter" } else { "updowncounter" };
            let points = sum.data_points.into_iter();
            points.map(|data| point(instrument, temporality, Vec::new(), data.attributes)).collect()
        }
        Some(Data::Gauge(gauge)) => {
            gauge.data_points.into_iter().map(|data| point("gauge", None, Vec::new(), data.attributes)).collect()
        }
        // Which the SDK has no instruments for.
        Some(Data::ExponentialHistogram(_) | Data::Summary(_)) | None => vec![point("?", None, Vec::new(), Vec::new())],
    }
}

fn temporality(number: i32) -> &'static str {
    match AggregationTemporality::try_from(number) {
        Ok(AggregationTemporality::Delta) => "delta",
        Ok(AggregationTemporality::Cumulative) => "cumulative",
        Ok(AggregationTemporality::Unspecified) | Err(_) => "?",
    }
}

fn logs(request: ExportLogsServiceRequest) -> Vec<Log> {
    let mut logs = Vec::new();
    for of_resource in request.resource_logs {
        let resource = resource(of_resource.resource);
        for record in of_resource.scope_logs.into_iter().flat_map(|of_scope| of_scope.log_records) {
            let severity = severity(&record);
            let body = match record.body.and_then(|body| body.value) {
                Some(Any::StringValue(text)) => text,
                other => format!("{other:?}"),
            };
            logs.push(Log {
                resource: resource.clone(),
                span: SpanRef { trace_id: hex(&record.trace_id), span_id: hex(&record.span_id) },
                severity,
                body,
                attributes: recording::attributes(record.attributes),
            });
        }
    }
    logs
}

/// The level by its number, which is what backends go by; with the text, where that says otherwise.
fn severity(record: &LogRecord) -> String {
    let name = record.severity_number().as_str_name().trim_start_matches("SEVERITY_NUMBER_");
    if record.severity_text == name { name.to_owned() } else { format!("{name} ({:?})", record.severity_text) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
