//! Kafka: starts Apache Kafka as one KRaft node with an empty log, or uses a broker that already runs.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use krafka::Kafka;
use krafka::admin::NewTopic;
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use crate::emulators::{Launcher, START_DEADLINE};
use crate::restartable::RestartableProcess;
use crate::stack::InternalPorts;
use crate::tools::{Broker, kafka_version};
use crate::{process, readiness, root};

/// Partitions of each topic. CloudFormation cannot declare the topics of an MSK cluster, so the template has no number.
const PARTITIONS: i32 = 3;

/// Small heap and fast start: the broker holds little data, and does not run long enough for the optimising compiler to
/// pay off.
const JVM: [&str; 4] = ["-Xmx64m", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

impl Launcher {
    /// Starts the broker, unless one already runs, and creates the topics. The broker keeps its log in the folder
    /// `data`.
    pub(crate) async fn kafka(
        &self,
        broker: &Broker,
        servers: &str,
        topics: &BTreeSet<String>,
        data: &Path,
        internal_ports: InternalPorts,
    ) -> Result<Option<RestartableProcess>> {
        let (name, process) = match broker {
            Broker::Apache { jars, java } => {
                let process = self.apache_kafka(java, jars, data, internal_ports).await?;
                (format!("Apache Kafka {}", kafka_version(jars)), Some(process))
            }
            Broker::Running => ("external broker".to_owned(), None),
        };
        kafka_ready(servers, topics).await?;
        self.progress.ready("Kafka", &name, servers);
        Ok(process)
    }

    /// Formats the log folder and starts the broker.
    async fn apache_kafka(
        &self,
        java: &Path,
        jars: &Path,
        data: &Path,
        internal_ports: InternalPorts,
    ) -> Result<RestartableProcess> {
        let port = self.config.kafka_port;
        let InternalPorts { kafka_controller, kafka_containers, .. } = internal_ports;
        // Without a gateway no container connects, so the address does not matter.
        let gateway = self.config.container_gateway.unwrap_or(Ipv4Addr::LOCALHOST);
        let properties = include_str!("../../kafka/server.properties")
            .replace("{port}", &port.to_string())
            .replace("{controller_port}", &kafka_controller.to_string())
            .replace("{containers_port}", &kafka_containers.to_string())
            .replace("{gateway}", &gateway.to_string())
            .replace("{data}", &data.join("log").display().to_string());
        let properties_file = data.join("server.properties");
        std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
        std::fs::write(&properties_file, properties).context("cannot write Kafka's server.properties")?;

        let mut format = self.java(java, jars, "kafka.tools.StorageTool");
        // A v7 UUID starts with the time, so its text cannot start with a dash, which the tool would read as an option.
        let cluster_id = BASE64_URL_SAFE_NO_PAD.encode(Uuid::now_v7());
        format.args(["format", "--cluster-id", &cluster_id, "--config"]).arg(&properties_file);
        let log = self.config.log("kafka");
        let formatted = timeout(START_DEADLINE, process::spawn(&mut format, &log)?.wait()).await;
        let status = formatted.context("timed out while formatting Kafka's log folder")?;
        ensure!(status.as_ref().is_ok_and(|s| s.success()), process::exit_report("Kafka's format tool", &status, &log));

        let mut broker = self.java(java, jars, "kafka.Kafka");
        broker.arg(&properties_file);
        let process = self.launch("kafka", broker)?;
        readiness::listening("Kafka", port, START_DEADLINE).await?;
        Ok(process)
    }

    fn java(&self, java: &Path, jars: &Path, class: &str) -> Command {
        let mut java = self.group.command(java);
        java.args(JVM);
        java.arg(format!("-Dlog4j2.configurationFile={}", root().join("localstack/kafka/log4j2.yaml").display()));
        java.arg("-cp").arg(jars.join("*")).arg(class);
        java
    }
}

/// Waits until the broker serves clients and has the topics.
pub(crate) async fn kafka_ready(servers: &str, topics: &BTreeSet<String>) -> Result<()> {
    readiness::until("Kafka's topics", START_DEADLINE, || create_topics(servers, topics)).await
}

/// Returns `None` if the broker does not respond.
async fn create_topics(servers: &str, topics: &BTreeSet<String>) -> Option<()> {
    let kafka = Kafka::builder(servers).client_id("local-stack").connect().await.ok()?;
    let admin = kafka.admin().default_api_timeout(Duration::from_secs(4));
    let new_topics = topics.iter().filter_map(|name| NewTopic::new(name.as_str(), PARTITIONS, 1).ok());
    let created = admin.create_topics(new_topics, Default::default()).await.ok()?;
    topics.iter().all(|name| created.get(name.as_str()).is_some_and(topic_exists)).then_some(())
}

/// Whether a topic was created by this attempt or existed before, for example from an attempt whose response was lost.
fn topic_exists(created: &krafka::error::Result<()>) -> bool {
    use krafka::error::{ErrorCode, KrafkaError};
    matches!(created, Ok(()) | Err(KrafkaError::Broker { code: ErrorCode::TopicAlreadyExists, .. }))
}
