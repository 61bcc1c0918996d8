//! What an invocation of a real function costs, without telemetry and with it, whatever the collector does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::body::Bytes;
use local_sam_template::Template;
use local_stack::{catalogue, root};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{MissedTickBehavior, interval};

use crate::collector::{self, Collector};
use crate::function::{Function, Took};

/// The function: its read is the shortest request there is, one call of DynamoDB, on which telemetry weighs most.
pub(crate) const FUNCTION: &str = "inventory";

const REGION: &str = "eu-central-1";

/// Invocations at the begin of a block that are not counted: caches are cold, after the others' blocks.
const THROWN_AWAY: usize = 5;

/// Longest block, which then ends with the invocation under way: one behind a hanging collector would take minutes.
const LONGEST_BLOCK: Duration = Duration::from_secs(1);

/// How often a block is measured, until one is undisturbed.
const TRIES: usize = 2;

/// How much is measured.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// How often every variant is started anew
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Blocks of invocations that a variant gets in a round, in turn with the others
    #[arg(long, default_value_t = 8)]
    blocks: usize,
    /// Invocations that are counted in a block; a block during which the hypervisor takes the processors away is not counted
    #[arg(long, default_value_t = 25)]
    requests: usize,
    /// Milliseconds from one invocation to the next; 1 is one right after the other, where what is left of one weighs on the next,
    /// as it may in an environment under constant load
    #[arg(long, default_value_t = 6)]
    every: u64,
}

/// One way to run the function, and what was measured of it.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    environment: BTreeMap<String, String>,
    pub(crate) init: Vec<Duration>,
    /// The first invocation of each process.
    pub(crate) first: Vec<Took>,
    pub(crate) took: Vec<Took>,
}

/// What stays where it is while invocations are measured.
struct Surroundings {
    environment: BTreeMap<String, String>,
    event: Bytes,
    collector: Collector,
    hanging: String,
    away: (String, TcpSocket),
}

/// Measures every variant: without telemetry, with it, and with collectors that are away or hang.
pub(crate) async fn measure(binaries: &Path, extent: Extent) -> Result<[Variant; 4]> {
    let around = Surroundings::new().await?;
    let variant = |name, variables: [(&str, &str); 1]| {
        let mut environment = around.environment.clone();
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Variant { name, environment, init: Vec::new(), first: Vec::new(), took: Vec::new() }
    };
    let mut variants = [
        variant("off", [("OTEL_SDK_DISABLED", "true")]),
        variant("on", [("OTEL_EXPORTER_OTLP_ENDPOINT", around.collector.url())]),
        variant("collector away", [("OTEL_EXPORTER_OTLP_ENDPOINT", &around.away.0)]),
        variant("collector hangs", [("OTEL_EXPORTER_OTLP_ENDPOINT", &around.hanging)]),
    ];
    for round in 0..extent.rounds {
        eprint!("\rround {} of {} ", round + 1, extent.rounds);
        // Whoever comes first in one round comes last in the next, so that what the machine does meanwhile hits all alike.
        variants.rotate_left(1);
        let mut running = Vec::new();
        for variant in &mut variants {
            let mut function = Function::start(&binaries.join(FUNCTION), &variant.environment).await?;
            variant.init.push(function.init);
            variant.first.push(function.invoke(&around.event).await.context(variant.name)?);
            running.push((variant, function));
        }
        for _ in 0..extent.blocks {
            for (variant, function) in &mut running {
                let took = undisturbed(function, &around.event, extent).await.context(variant.name)?;
                variant.took.extend(took);
            }
        }
    }
    eprintln!();
    let turns = extent.rounds % variants.len();
    variants.rotate_right(turns);
    Ok(variants)
}

/// A block of invocations during which the hypervisor gave the processors to nobody else; nothing after some tries.
async fn undisturbed(function: &mut Function, event: &Bytes, extent: Extent) -> Result<Vec<Took>> {
    for _ in 0..TRIES {
        let before = stolen();
        let took = block(function, event, extent).await?;
        if stolen() == before {
            return Ok(took);
        }
    }
    Ok(Vec::new())
}

async fn block(function: &mut Function, event: &Bytes, extent: Extent) -> Result<Vec<Took>> {
    let (began, mut took) = (Instant::now(), Vec::new());
    let mut pace = interval(Duration::from_millis(extent.every.max(1)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0..THROWN_AWAY + extent.requests {
        pace.tick().await;
        took.push(function.invoke(event).await?);
        if began.elapsed() > LONGEST_BLOCK && n > THROWN_AWAY {
            break;
        }
    }
    Ok(took.split_off(THROWN_AWAY))
}

/// How long the hypervisor kept the processors from this machine, in ticks (`steal` in `/proc/stat`); nothing where it is not told.
fn stolen() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}

impl Surroundings {
    /// An emulated DynamoDB with a product, and collectors of every kind.
    async fn new() -> Result<Self> {
        let database =
            dynoxide::Database::memory().map_err(|error| anyhow::anyhow!("no emulated DynamoDB: {error}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let aws_endpoint = format!("http://{}", listener.local_addr()?);
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let sdk_config = sdk_config(&aws_endpoint);
        let tables = Template::load(root().join("template.yaml"))?.provision_tables(&sdk_config).await?.tables;
        let table = tables.get("InventoryTable").context("template.yaml has no InventoryTable")?;
        catalogue::seed(&aws_sdk_dynamodb::Client::new(&sdk_config), &table.name).await?;

        let mut environment = template_settings()?;
        let own = [
            ("INVENTORY_TABLE", table.name.as_str()),
            ("OTEL_SERVICE_NAME", FUNCTION),
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("AWS_ENDPOINT_URL", &aws_endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/inventory"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[1]0123456789abcdef0123456789abcdef"),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self {
            environment,
            event: std::fs::read(root().join("events/inventory.json"))?.into(),
            collector: Collector::start().await?,
            hanging: collector::hanging().await?,
            away: collector::away()?,
        })
    }
}

/// What template.yaml says to every function about telemetry.
fn template_settings() -> Result<BTreeMap<String, String>> {
    let template = local_sam_template::read_yaml(&root().join("template.yaml"))?;
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object();
    let literal = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let settings = variables.context("template.yaml has no variables of all functions")?.iter().filter_map(literal);
    Ok(settings.filter(|(name, _)| name.starts_with("OTEL_")).collect())
}

fn sdk_config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .build()
}
