//! Kafka: one KRaft node of Apache's with a new, empty log at every start, or a broker that runs already.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use krafka::Kafka;
use krafka::admin::NewTopic;
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use crate::emulators::{Launcher, START};
use crate::supervisor::Supervisor;
use crate::tools::{Broker, kafka_version};
use crate::{process, root, wait};

/// The topics, with their partitions. They are not in template.yaml: CloudFormation has no topics of an MSK cluster.
const TOPICS: [(&str, i32); 1] = [("order-notifications", 3)];

/// Small and quick to start: a development broker holds little, and lives too briefly to earn back an optimising
/// compiler.
const JVM: [&str; 4] = ["-Xmx64m", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

impl Launcher {
    /// Starts the broker, unless it is somebody else's, and creates the topics: which it does as soon as it serves clients.
    /// `data` is its own folder.
    pub(crate) async fn kafka(
        &self,
        broker: &Broker,
        servers: &str,
        data: &Path,
        controller_port: u16,
    ) -> Result<Option<Supervisor>> {
        let (name, supervisor) = match broker {
            Broker::Apache { jars, java } => {
                let supervisor = self.apache_kafka(java, jars, data, controller_port).await?;
                (format!("Apache Kafka {}", kafka_version(jars)), Some(supervisor))
            }
            Broker::Running => ("as given".to_owned(), None),
        };
        kafka_ready(servers).await?;
        self.progress.ready("Kafka", &name, servers);
        Ok(supervisor)
    }

    /// Formats `data` and starts the broker on it.
    async fn apache_kafka(&self, java: &Path, jars: &Path, data: &Path, controller_port: u16) -> Result<Supervisor> {
        let port = self.config.kafka_port;
        let properties = include_str!("../../kafka/server.properties")
            .replace("{port}", &port.to_string())
            .replace("{controller_port}", &controller_port.to_string())
            .replace("{data}", &data.join("log").display().to_string());
        let properties_file = data.join("server.properties");
        std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
        std::fs::write(&properties_file, properties).context("cannot write Kafka's settings")?;

        let mut format = self.java(java, jars, "kafka.tools.StorageTool");
        // A v7 id starts with the time, so that its text never starts with a dash, which would look like an option.
        let cluster_id = BASE64_URL_SAFE_NO_PAD.encode(Uuid::now_v7());
        format.args(["format", "--cluster-id", &cluster_id, "--config"]).arg(&properties_file);
        let log = self.config.log("kafka");
        let status =
            timeout(START, process::spawn(&mut format, &log)?.wait()).await.context("formatting Kafka's log hangs")?;
        ensure!(status.as_ref().is_ok_and(|s| s.success()), process::obituary("Kafka's format tool", &status, &log));

        let mut broker = self.java(java, jars, "kafka.Kafka");
        broker.arg(&properties_file);
        let supervisor = self.launch("kafka", broker)?;
        wait::listening("Kafka", port, START).await?;
        Ok(supervisor)
    }

    fn java(&self, java: &Path, jars: &Path, class: &str) -> Command {
        let mut java = self.group.command(java);
        java.args(JVM);
        java.arg(format!("-Dlog4j2.configurationFile={}", root().join("localstack/kafka/log4j2.yaml").display()));
        java.arg("-cp").arg(jars.join("*")).arg(class);
        java
    }
}

/// Waits until the broker serves clients, and has the topics.
pub(crate) async fn kafka_ready(servers: &str) -> Result<()> {
    wait::until("Kafka's topics", START, || create_topics(servers)).await
}

/// `None` while the broker does not answer.
async fn create_topics(address: &str) -> Option<()> {
    let kafka = Kafka::builder(address).client_id("local-stack").connect().await.ok()?;
    let admin = kafka.admin().default_api_timeout(Duration::from_secs(4));
    let topics = TOPICS.iter().filter_map(|(name, partitions)| NewTopic::new(*name, *partitions, 1).ok());
    let created = admin.create_topics(topics, Default::default()).await.ok()?;
    TOPICS.iter().all(|(name, _)| created.get(*name).is_some_and(is_there)).then_some(())
}

/// A topic is there when it was created, by this attempt or by one whose answer was lost.
fn is_there(created: &krafka::error::Result<()>) -> bool {
    use krafka::error::{ErrorCode, KrafkaError};
    matches!(created, Ok(()) | Err(KrafkaError::Broker { code: ErrorCode::TopicAlreadyExists, .. }))
}
