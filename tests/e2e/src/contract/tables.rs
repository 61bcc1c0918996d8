//! Reads the tables in `contract/*.yaml`. The head of each file explains its notation.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Template;
use local_stack::root;
use local_trace_viewer::model::Attributes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::contract::attributes::{ExpectedAttributes, bare};
use crate::contract::functions::FunctionGroups;
use crate::contract::names;
use crate::contract::recorded::service;
use crate::contract::rows::{LogRow, MetricTable, SpanTable};

/// The telemetry contract: all tables, with the functions that template.yaml declares.
#[derive(Clone)]
pub(super) struct Contract {
    pub(super) functions: FunctionGroups,
    /// The resource attributes of each service.
    pub(super) resources: BTreeMap<String, ExpectedAttributes>,
    pub(super) spans: SpanTable,
    pub(super) metrics: MetricTable,
    /// The log records of each trace.
    pub(super) logs: BTreeMap<String, Vec<LogRow>>,
}

impl Contract {
    pub(super) fn read() -> Result<Self> {
        let template = Template::load(root().join("template.yaml"))?;
        let destinations = template.queue_names()?.into_values().chain(template.kafka_topics()?);
        let destinations = format!("~{}", destinations.map(|name| regex::escape(&name)).collect::<Vec<_>>().join("|"));
        let metrics = replace(yaml("metrics")?, &|text| match text {
            "<destination>" => destinations.clone().into(),
            _ => text.into(),
        });
        let contract = Self {
            functions: FunctionGroups::of(&template)?,
            resources: resources(&template, &yaml("resource")?)?,
            spans: parse("spans", yaml("spans")?)?,
            metrics: parse("metrics", metrics)?,
            logs: parse("logs", yaml("logs")?)?,
        };
        contract.check_references()?;
        Ok(contract)
    }

    /// Checks that everything that a row refers to exists.
    fn check_references(&self) -> Result<()> {
        for (place, row) in self.spans.rows() {
            let known = row.span_type.as_ref().is_none_or(|name| self.spans.types.contains_key(name));
            ensure!(known, "spans.yaml: {place}: its type is not in `types`");
        }
        for trace in self.logs.keys() {
            ensure!(self.spans.traces.contains_key(trace), "logs.yaml: {trace}: there is no such trace in spans.yaml");
        }
        for (name, row) in &self.metrics.metrics {
            let known = row.buckets.as_ref().is_none_or(|name| self.metrics.buckets.contains_key(name));
            ensure!(known, "metrics.yaml: {name}: its buckets are not in `buckets`");
            for service in &row.services {
                let known = self.functions.contains(bare(service));
                ensure!(known, "metrics.yaml: {name}: {service} is neither a group nor a function of template.yaml");
            }
        }
        Ok(())
    }

    /// The names of all traces.
    pub(super) fn traces(&self) -> impl Iterator<Item = &str> {
        self.spans.traces.keys().map(String::as_str)
    }

    /// Names in the tables that are not current names of the semantic conventions.
    pub(super) fn name_violations(&self) -> Vec<String> {
        let attributes = self.attribute_names().into_iter().filter(|(_, name)| !names::is_attribute(name));
        let attributes = attributes.map(|(place, name)| format!("{place}: {name} is {}", names::UNKNOWN));
        let metrics = self.metrics.metrics.keys().filter(|name| !names::is_metric(name));
        attributes.chain(metrics.map(|name| format!("the metric {name} is {}", names::UNKNOWN))).collect()
    }

    /// The name of every attribute, with the place where it is declared.
    fn attribute_names(&self) -> Vec<(String, &str)> {
        let mut names = Vec::new();
        for attributes in self.resources.values() {
            names.extend(attributes.names().map(|name| ("resource.yaml".to_owned(), name)));
        }
        for (span_type, attributes) in &self.spans.types {
            names.extend(attributes.names().map(|name| (format!("spans.yaml: {span_type}"), name)));
        }
        for (place, row) in self.spans.rows() {
            names.extend(row.attributes.names().map(|name| (format!("spans.yaml: {place}"), name)));
        }
        for (metric, row) in &self.metrics.metrics {
            let all = row.required.iter().chain([&row.attributes]).flat_map(ExpectedAttributes::names);
            names.extend(all.map(|name| (format!("metrics.yaml: {metric}"), name)));
        }
        for row in self.logs.values().flatten() {
            names.extend(row.attributes.names().map(|name| (format!("logs.yaml: {}", row.span), name)));
        }
        names
    }

    /// Every difference of a resource from its row.
    pub(super) fn resource_violations(&self, found: &Attributes) -> Vec<String> {
        let service = service(found);
        let Some(expected) = self.resources.get(service) else {
            return vec![format!("the service {service}: no function of template.yaml has this OTEL_SERVICE_NAME")];
        };
        let violations = expected.violations(found);
        violations.into_iter().map(|violation| format!("the resource of {service}: {violation}")).collect()
    }
}

/// `resource.yaml`, written out for each service.
fn resources(template: &Template, table: &Value) -> Result<BTreeMap<String, ExpectedAttributes>> {
    let resource = |name: &str, service: &str, memory_mb: u64| {
        let row = replace(table.clone(), &|text| match text {
            "<service>" => service.into(),
            "<memory>" => (memory_mb << 20).into(),
            text => text.replace("<function>", name).into(),
        });
        parse("resource", row)
    };
    let functions = template.declared_functions()?;
    functions
        .into_iter()
        .map(|it| Ok((it.service_name.clone(), resource(&it.name, &it.service_name, it.memory_mb)?)))
        .collect()
}

/// The value with every text in it replaced.
fn replace(value: Value, replacement: &dyn Fn(&str) -> Value) -> Value {
    match value {
        Value::String(text) => replacement(&text),
        Value::Array(items) => items.into_iter().map(|item| replace(item, replacement)).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(name, value)| (name, replace(value, replacement)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn yaml(table: &str) -> Result<Value> {
    local_sam_template::read_yaml(&root().join(format!("tests/e2e/contract/{table}.yaml")))
}

fn parse<T: DeserializeOwned>(table: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).with_context(|| format!("tests/e2e/contract/{table}.yaml"))
}
