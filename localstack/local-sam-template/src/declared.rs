//! What the template declares, read from its text alone: names, triggers and references. Needs no emulator and no
//! parameter values.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::intrinsics::{Resolver, references};
use crate::{Deployment, Resources, Template, function, queue, table};

/// A function as the template declares it. [`Function`](crate::Function) has everything else that it runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredFunction {
    /// Its logical id, for example `OrderRelayFunction`.
    pub logical_id: String,
    /// Its name: the binary that it runs (`Metadata.BuildProperties.Binary`), for example `order-relay`.
    pub name: String,
    /// The `service.name` of its telemetry: its variable `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// The kinds of events that invoke it.
    pub triggers: BTreeSet<Trigger>,
    /// The logical ids that its variables refer to by `Ref` or `GetAtt`, for example `OrdersTable` or
    /// `InventoryFunctionUrl`.
    pub references: BTreeSet<String>,
    /// Its configured memory in MB.
    pub memory_mb: u64,
}

/// A kind of event that invokes a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// An HTTP request: to a route of the API (event type `HttpApi`) or to the function's own URL
    /// (`FunctionUrlConfig`).
    Http,
    /// Messages of a queue (event type `SQS`).
    Sqs,
    /// Records of a table's stream (event type `DynamoDB`).
    DynamoDb,
    /// Records of Kafka topics (event type `MSK`).
    Kafka,
    /// A schedule (event type `Schedule`).
    Schedule,
}

impl Trigger {
    /// The trigger that an entry of a function's `Events` stands for.
    pub(crate) fn of_event(event: &Value) -> Result<Self> {
        Ok(match event["Type"].as_str().context("it has no Type")? {
            "HttpApi" => Self::Http,
            "SQS" => Self::Sqs,
            "DynamoDB" => Self::DynamoDb,
            "MSK" => Self::Kafka,
            "Schedule" => Self::Schedule,
            unknown => bail!("the local stack does not support the event type {unknown}"),
        })
    }
}

impl Template {
    /// Every function, sorted by logical id.
    ///
    /// # Errors
    /// Names the function that has no binary, no `OTEL_SERVICE_NAME` or an event of an unsupported type.
    pub fn declared_functions(&self) -> Result<Vec<DeclaredFunction>> {
        let functions = self.resources_of(function::TYPE);
        functions
            .map(|(id, properties)| self.declared_function(id, properties).with_context(|| id.to_owned()))
            .collect()
    }

    fn declared_function(&self, logical_id: &str, properties: &Value) -> Result<DeclaredFunction> {
        let globals = &self.document["Globals"]["Function"];
        let mut service_names =
            [properties, globals].into_iter().map(|it| &it["Environment"]["Variables"]["OTEL_SERVICE_NAME"]);
        let service_name = service_names.find_map(Value::as_str).context("it has no OTEL_SERVICE_NAME")?;
        let mut triggers =
            function::events(properties).map(|(_, event)| Trigger::of_event(event)).collect::<Result<BTreeSet<_>>>()?;
        if !properties["FunctionUrlConfig"].is_null() {
            triggers.insert(Trigger::Http);
        }
        let memory = properties.get("MemorySize").or_else(|| globals.get("MemorySize"));
        Ok(DeclaredFunction {
            logical_id: logical_id.to_owned(),
            name: self.binary_of(logical_id)?.context("it is not a function")?,
            service_name: service_name.to_owned(),
            triggers,
            references: references(&properties["Environment"]["Variables"]).into_iter().map(str::to_owned).collect(),
            memory_mb: memory.and_then(Value::as_u64).unwrap_or(function::DEFAULT_MEMORY_MB),
        })
    }

    /// The name of every table, by logical id: what [`Table::name`](crate::Table::name) will be.
    ///
    /// # Errors
    /// Names the table whose name refers to something that only exists once it was created.
    pub fn table_names(&self) -> Result<BTreeMap<String, String>> {
        self.names(table::TYPE, table::name)
    }

    /// The name of every queue, by logical id: what [`Queue::name`](crate::Queue::name) will be.
    ///
    /// # Errors
    /// Names the queue whose name refers to something that only exists once it was created.
    pub fn queue_names(&self) -> Result<BTreeMap<String, String>> {
        self.names(queue::TYPE, queue::name)
    }

    fn names(
        &self,
        kind: &'static str,
        name: impl Fn(&str, &Value, &Resolver<'_>) -> Result<String>,
    ) -> Result<BTreeMap<String, String>> {
        let (resources, deployment) = (Resources::default(), Deployment::default());
        let resolver = Resolver { template: self, resources: &resources, deployment: &deployment };
        self.resources_of(kind)
            .map(|(id, properties)| {
                Ok((id.to_owned(), name(id, properties, &resolver).with_context(|| id.to_owned())?))
            })
            .collect()
    }

    /// Every Kafka topic that invokes a function. CloudFormation cannot declare the topics of an MSK cluster, so this
    /// is the only place where the template names them.
    ///
    /// # Errors
    /// Names the function whose event has no list of topic names.
    pub fn kafka_topics(&self) -> Result<BTreeSet<String>> {
        let mut topics = BTreeSet::new();
        for (id, properties) in self.resources_of(function::TYPE) {
            for (_, event) in function::events(properties).filter(|(_, event)| event["Type"] == "MSK") {
                let listed = event["Properties"]["Topics"].as_array().with_context(|| format!("{id} has no Topics"))?;
                let names = listed.iter().map(|topic| topic.as_str().map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                topics.extend(names.with_context(|| format!("the Topics of {id} are not names"))?);
            }
        }
        Ok(topics)
    }
}
