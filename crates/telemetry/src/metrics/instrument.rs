//! Instruments with their declarations. Each is created when it is first used: by then [`crate::init`] has set the
//! meter provider.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics;

/// The name of a metric and the form of its data points.
#[derive(Debug)]
pub struct Declaration {
    /// The metric's name.
    pub name: &'static str,
    /// Its unit in UCUM notation: `s`, `By`, `{message}`.
    pub unit: &'static str,
    /// The upper bounds of a histogram's buckets, in its unit; `None` for a counter.
    pub buckets: Option<&'static [f64]>,
    /// Every attribute that a data point may have.
    pub attributes: &'static [&'static str],
}

impl Declaration {
    /// Panics in debug builds if a data point has an attribute that is not declared, so that any test that records it
    /// fails.
    fn check(&self, attributes: &[KeyValue]) {
        let undeclared = || attributes.iter().find(|attribute| !self.attributes.contains(&attribute.key.as_str()));
        debug_assert!(undeclared().is_none(), "{}: declare {:?} in metrics.rs", self.name, undeclared());
    }
}

/// A sum that only grows.
#[derive(Debug)]
pub struct Counter {
    pub(super) declaration: Declaration,
    instrument: OnceLock<metrics::Counter<u64>>,
}

impl Counter {
    pub(super) const fn new(name: &'static str, unit: &'static str, attributes: &'static [&'static str]) -> Self {
        Self { declaration: Declaration { name, unit, buckets: None, attributes }, instrument: OnceLock::new() }
    }

    /// Adds to the sum of these attributes.
    pub fn add(&self, value: u64, attributes: &[KeyValue]) {
        self.declaration.check(attributes);
        let Declaration { name, unit, .. } = self.declaration;
        self.instrument.get_or_init(|| meter().u64_counter(name).with_unit(unit).build()).add(value, attributes);
    }
}

/// A distribution over buckets.
#[derive(Debug)]
pub struct Histogram {
    pub(super) declaration: Declaration,
    instrument: OnceLock<metrics::Histogram<f64>>,
}

impl Histogram {
    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        buckets: &'static [f64],
        attributes: &'static [&'static str],
    ) -> Self {
        let declaration = Declaration { name, unit, buckets: Some(buckets), attributes };
        Self { declaration, instrument: OnceLock::new() }
    }

    /// Adds a value, in the metric's unit, to the distribution of these attributes.
    pub fn record(&self, value: f64, attributes: &[KeyValue]) {
        self.declaration.check(attributes);
        let Declaration { name, unit, buckets, .. } = self.declaration;
        let build = || {
            let buckets = buckets.unwrap_or_default().to_vec();
            meter().f64_histogram(name).with_unit(unit).with_boundaries(buckets).build()
        };
        self.instrument.get_or_init(build).record(value, attributes);
    }
}

fn meter() -> metrics::Meter {
    opentelemetry::global::meter(env!("CARGO_PKG_NAME"))
}
