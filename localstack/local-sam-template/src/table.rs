//! `AWS::DynamoDB::Table`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::Table;
use crate::intrinsics::{Resolver, scalar_text};

pub(crate) const TYPE: &str = "AWS::DynamoDB::Table";

/// Properties that have no effect in an emulator.
const IGNORED: [&str; 7] = [
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "SSESpecification",
    "TableClass",
    "Tags",
];

/// Pause between two looks at a table that is being created.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    #[serde(rename = "TableName")]
    _table_name: Option<IgnoredAny>,
    billing_mode: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    stream_specification: Option<Stream>,
    time_to_live_specification: Option<TimeToLive>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Index {
    index_name: String,
    key_schema: Vec<Key>,
    projection: IndexProjection,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IndexProjection {
    projection_type: String,
    non_key_attributes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stream {
    stream_view_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: Option<String>,
    enabled: bool,
}

/// Creates a table and waits until it is active. If it exists with the same definition, that one is used.
pub(crate) async fn create(client: &Client, logical_id: &str, mut properties: Value) -> Result<Table> {
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|property, _| !IGNORED.contains(&property.as_str()));
    }
    let name = name_of(logical_id, &properties["TableName"]);
    let properties: Properties = serde_json::from_value(properties).context("the table's properties")?;
    let definition = Definition::new(&properties)?;

    let created = client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::from(properties.billing_mode.as_str()))
        .set_attribute_definitions(Some(definition.attributes.clone()))
        .set_key_schema(Some(definition.key_schema.clone()))
        .set_global_secondary_indexes(Some(definition.indexes.clone()).filter(|indexes| !indexes.is_empty()))
        .set_stream_specification(definition.stream.clone())
        .send()
        .await;
    match created.map_err(aws_sdk_dynamodb::Error::from) {
        Ok(_) | Err(aws_sdk_dynamodb::Error::ResourceInUseException(_)) => {}
        Err(error) => return Err(error).context("CreateTable"),
    }

    let table = until_active(client, &name).await?;
    if let Some(difference) = definition.difference(&table) {
        bail!("the table {name} exists already with different {difference}: delete it, or reset the emulator");
    }
    if let Some(time_to_live) = properties.time_to_live_specification.filter(|it| it.enabled) {
        enable_time_to_live(client, &name, time_to_live).await?;
    }
    Ok(Table {
        name,
        arn: table.table_arn.context("DescribeTable returned no ARN")?,
        stream_arn: table.latest_stream_arn,
    })
}

/// The name of a table that need not exist yet.
pub(crate) fn name(logical_id: &str, properties: &Value, resolver: &Resolver<'_>) -> Result<String> {
    Ok(name_of(logical_id, &resolver.resolve(&properties["TableName"])?))
}

/// `TableName`, or else the logical id.
fn name_of(logical_id: &str, table_name: &Value) -> String {
    scalar_text(table_name).unwrap_or_else(|| logical_id.to_owned())
}

async fn until_active(client: &Client, name: &str) -> Result<TableDescription> {
    loop {
        let described = client.describe_table().table_name(name).send().await?;
        let table = described.table.context("DescribeTable returned no table")?;
        let indexes = table.global_secondary_indexes();
        if table.table_status == Some(TableStatus::Active)
            && indexes.iter().all(|index| index.index_status.as_ref().is_none_or(|status| status.as_str() == "ACTIVE"))
        {
            return Ok(table);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Checks first, because DynamoDB rejects a request that would change nothing.
async fn enable_time_to_live(client: &Client, name: &str, time_to_live: TimeToLive) -> Result<()> {
    let described = client.describe_time_to_live().table_name(name).send().await?;
    let current = described.time_to_live_description;
    if current.is_some_and(|it| {
        matches!(it.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    }) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder()
        .set_attribute_name(time_to_live.attribute_name)
        .enabled(true)
        .build()
        .context("TimeToLiveSpecification")?;
    client.update_time_to_live().table_name(name).time_to_live_specification(specification).send().await?;
    Ok(())
}

/// The part of a table's definition that this crate compares with an existing table, in the SDK's types.
struct Definition {
    attributes: Vec<AttributeDefinition>,
    key_schema: Vec<KeySchemaElement>,
    indexes: Vec<GlobalSecondaryIndex>,
    stream: Option<StreamSpecification>,
}

impl Definition {
    fn new(properties: &Properties) -> Result<Self> {
        let attribute = |it: &Attribute| {
            AttributeDefinition::builder()
                .attribute_name(&it.attribute_name)
                .attribute_type(ScalarAttributeType::from(it.attribute_type.as_str()))
                .build()
        };
        let index = |it: &Index| {
            let projection = Projection::builder()
                .projection_type(ProjectionType::from(it.projection.projection_type.as_str()))
                .set_non_key_attributes(it.projection.non_key_attributes.clone());
            let keys = key_schema(&it.key_schema)?;
            let index = GlobalSecondaryIndex::builder().index_name(&it.index_name).set_key_schema(Some(keys));
            Ok(index.projection(projection.build()).build()?)
        };
        let stream = |it: &Stream| {
            let view = StreamViewType::from(it.stream_view_type.as_str());
            StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build()
        };
        ensure!(!properties.key_schema.is_empty(), "the table's KeySchema is empty");
        Ok(Self {
            attributes: properties.attribute_definitions.iter().map(attribute).collect::<Result<_, _>>()?,
            key_schema: key_schema(&properties.key_schema)?,
            indexes: properties.global_secondary_indexes.iter().map(index).collect::<Result<_>>()?,
            stream: properties.stream_specification.as_ref().map(stream).transpose()?,
        })
    }

    /// The first part of an existing table that differs from the template.
    fn difference(&self, table: &TableDescription) -> Option<&'static str> {
        let attributes = |list: &[AttributeDefinition]| -> HashSet<(String, String)> {
            list.iter().map(|it| (it.attribute_name.clone(), it.attribute_type.to_string())).collect()
        };
        let view = |stream: Option<&StreamSpecification>| stream.and_then(|stream| stream.stream_view_type.clone());
        let wanted: HashMap<_, _> = self.indexes.iter().map(|it| (Some(it.index_name()), it.key_schema())).collect();
        let existing = table.global_secondary_indexes().iter().map(|it| (it.index_name(), it.key_schema()));
        if attributes(&self.attributes) != attributes(table.attribute_definitions()) {
            Some("attributes")
        } else if self.key_schema != table.key_schema() {
            Some("keys")
        } else if wanted != existing.collect() {
            Some("indexes")
        } else if view(self.stream.as_ref()) != view(table.stream_specification()) {
            Some("stream settings")
        } else {
            None
        }
    }
}

fn key_schema(keys: &[Key]) -> Result<Vec<KeySchemaElement>> {
    let element = |key: &Key| {
        let builder = KeySchemaElement::builder().attribute_name(&key.attribute_name);
        builder.key_type(KeyType::from(key.key_type.as_str())).build()
    };
    Ok(keys.iter().map(element).collect::<Result<_, _>>()?)
}
