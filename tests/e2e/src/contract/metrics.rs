//! The comparison of recorded data points with `metrics.yaml`.

use std::collections::{BTreeSet, HashSet};

use crate::contract::attributes::ExpectedAttributes;
use crate::contract::recorded::{Point, service};
use crate::contract::rows::MetricRow;
use crate::contract::tables::Contract;

impl Contract {
    /// Every difference of the recorded points from their rows.
    pub(super) fn metric_violations(&self, points: &[Point]) -> Vec<String> {
        // A set, because many points have the same violation.
        let mut violations = BTreeSet::new();
        for point in points {
            let found = match self.metrics.metrics.get(&point.metric) {
                None => vec![format!("reported by {}, but has no row in metrics.yaml", service(&point.resource))],
                Some(row) => self.point_violations(row, point),
            };
            violations.extend(found.into_iter().map(|violation| format!("{}: {violation}", point.metric)));
        }
        violations.into_iter().collect()
    }

    fn point_violations(&self, row: &MetricRow, point: &Point) -> Vec<String> {
        let mut violations = row.attributes.violations(&point.attributes);
        violations.extend(self.resource_violations(&point.resource));
        let buckets = row.buckets.as_ref().and_then(|name| self.metrics.buckets.get(name)).cloned().unwrap_or_default();
        if point.buckets != buckets {
            violations.push(format!("the buckets: expected {buckets:?}, found {:?}", point.buckets));
        }
        for (property, expected, found) in [
            ("unit", &*row.unit, &*point.unit),
            ("instrument", &*row.instrument, point.instrument),
            ("temporality", &*self.metrics.temporality, point.temporality.unwrap_or(&self.metrics.temporality)),
        ] {
            if expected != found {
                violations.push(format!("the {property}: expected {expected:?}, found {found:?}"));
            }
        }
        let reporter = service(&point.resource);
        if !self.functions.services(row.reporters()).contains(reporter) {
            violations.push(format!("reported by {reporter}, which is not in its `services` in metrics.yaml"));
        }
        violations
    }

    /// The points that are missing: of services that must report a metric, and with required attributes. A service that
    /// has no span in the recorded traces may not have run, so it does not have to report anything.
    pub(super) fn missing_metrics(&self, points: &[Point]) -> Vec<String> {
        let reported: HashSet<_> = points.iter().map(|point| (&*point.metric, service(&point.resource))).collect();
        let traced = self.spans.services();
        let mut missing = Vec::new();
        for (name, row) in &self.metrics.metrics {
            let reporters = self.functions.services(row.required_reporters());
            let silent = reporters.intersection(&traced).filter(|service| !reported.contains(&(&**name, **service)));
            missing.extend(silent.map(|service| format!("{name}: expected a point of {service}, found none")));
            let has_point = |expected: &ExpectedAttributes| {
                points.iter().any(|point| point.metric == *name && expected.are_in(&point.attributes))
            };
            let without_point = row.required.iter().filter(|expected| !has_point(expected));
            missing
                .extend(without_point.map(|expected| format!("{name}: expected a point with {expected}, found none")));
        }
        missing
    }
}
