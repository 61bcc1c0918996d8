//! The data points of a recording.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use local_trace_viewer::model::Attributes;
use local_trace_viewer::recording;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use prost::Message as _;

use crate::contract::recorded::resource_attributes;

/// A data point of a metric.
#[derive(Clone, Debug)]
pub(in crate::contract) struct Point {
    pub(in crate::contract) resource: Attributes,
    pub(in crate::contract) metric: String,
    pub(in crate::contract) unit: String,
    pub(in crate::contract) instrument: &'static str,
    /// Of a counter or a histogram; gauges and up-down counters have none.
    pub(in crate::contract) temporality: Option<&'static str>,
    /// The upper bounds of a histogram.
    pub(in crate::contract) buckets: Vec<f64>,
    pub(in crate::contract) attributes: Attributes,
}

/// Every point, but without its repetitions: a process reports each point with every export.
pub(super) fn read(dir: &Path) -> Result<Vec<Point>> {
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
    for resource_metrics in request.resource_metrics {
        let resource = resource_attributes(resource_metrics.resource);
        for metric in resource_metrics.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            points.extend(metric_points(metric, &resource));
        }
    }
    points
}

fn metric_points(metric: Metric, resource: &Attributes) -> Vec<Point> {
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
        // The SDK has no instruments that produce these.
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
