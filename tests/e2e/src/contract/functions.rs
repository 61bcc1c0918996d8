//! The functions of template.yaml and the groups of them that metrics.yaml names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use local_sam_template::{DeclaredFunction, Template, Trigger};

/// Service names by group. Each function is also a group of one.
#[derive(Clone, Default)]
pub(super) struct FunctionGroups(BTreeMap<String, BTreeSet<String>>);

impl FunctionGroups {
    /// The groups of a template's functions: `all`; by trigger `http`, `sqs`, `kafka`, `stream` and `schedule`; and
    /// `tables` and `callers`, the functions whose environment names a table or another function's URL.
    pub(super) fn of(template: &Template) -> Result<Self> {
        let (tables, functions) = (template.table_names()?, template.declared_functions()?);
        let url = |function: &DeclaredFunction| format!("{}Url", function.logical_id);
        let urls: BTreeSet<_> = functions.iter().map(url).collect();
        let mut groups = Self::default();
        for function in &functions {
            let service = &*function.service_name;
            groups.add(service, service);
            groups.add("all", service);
            for trigger in &function.triggers {
                groups.add(group_of(*trigger), service);
            }
            if function.references.iter().any(|id| tables.contains_key(id)) {
                groups.add("tables", service);
            }
            if function.references.iter().any(|id| urls.contains(id)) {
                groups.add("callers", service);
            }
        }
        Ok(groups)
    }

    pub(super) fn add(&mut self, group: &str, service: &str) {
        self.0.entry(group.to_owned()).or_default().insert(service.to_owned());
    }

    /// Whether there is a function or group of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The services of the functions and groups with these names.
    pub(super) fn services<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeSet<&str> {
        names.filter_map(|name| self.0.get(name)).flatten().map(String::as_str).collect()
    }
}

fn group_of(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Http => "http",
        Trigger::Sqs => "sqs",
        Trigger::Kafka => "kafka",
        Trigger::DynamoDb => "stream",
        Trigger::Schedule => "schedule",
    }
}
