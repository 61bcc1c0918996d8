//! Finds the pinned tools that `make tools` installs into the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{Config, root};

/// The programs that the stack runs.
pub(crate) struct Tools {
    /// DynamoDB, DynamoDB Streams and SQS.
    pub(crate) aws: AwsEmulator,
    /// rotel: the collector.
    pub(crate) rotel: PathBuf,
    /// cargo-lambda: the Lambda emulator.
    pub(crate) cargo_lambda: PathBuf,
    /// Kafka.
    pub(crate) broker: Broker,
}

/// Where the AWS emulator comes from.
pub(crate) enum AwsEmulator {
    /// The stack starts MiniStack, with the Python that has it as a module. MiniStack's own start script has an absolute path
    /// in it, which is wrong once the checkout is moved.
    MiniStack { python: PathBuf },
    /// An emulator that already runs (`AWS_ENDPOINT_URL`): what answered there, such as `LocalStack 4.14.0`.
    Running { program: String },
}

/// Where the Kafka broker comes from.
pub(crate) enum Broker {
    /// The stack starts Apache Kafka: the folder of its jars, and the Java that runs them.
    Apache { jars: PathBuf, java: PathBuf },
    /// A broker that already runs (`KAFKA_BOOTSTRAP_SERVERS`).
    Running,
}

impl Tools {
    /// Finds every tool, and the emulator that the configuration names. The error names the missing one and says how to
    /// install or start it.
    pub(crate) async fn find(config: &Config) -> Result<Self> {
        let venv = root().join(".tools/venv");
        let broker = match config.kafka_bootstrap_servers {
            Some(_) => Broker::Running,
            None => Broker::Apache { jars: installed("Apache Kafka", root().join(".tools/kafka/lib"))?, java: java()? },
        };
        let aws = match &config.aws_endpoint_url {
            Some(endpoint) => AwsEmulator::Running { program: endpoint.program().await? },
            None => AwsEmulator::MiniStack { python: installed("MiniStack", venv.join("bin/python"))? },
        };
        Ok(Self {
            aws,
            rotel: installed("rotel", site_packages(&venv).join("rotel/rotel-agent"))?,
            cargo_lambda: installed("cargo-lambda", venv.join("bin/cargo-lambda"))?,
            broker,
        })
    }
}

/// Kafka's version, read from the name of its jar.
pub(crate) fn kafka_version(jars: &Path) -> String {
    let jars = std::fs::read_dir(jars).into_iter().flatten().flatten();
    let mut names = jars.filter_map(|jar| jar.file_name().into_string().ok());
    names.find_map(|name| Some(name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?.to_owned())).unwrap_or_default()
}

fn installed(name: &str, path: PathBuf) -> Result<PathBuf> {
    ensure!(path.exists(), "{name} is not installed: run `make tools`");
    Ok(path)
}

/// The version of a Python package in requirements.txt.
pub(crate) fn pinned_version(package: &str) -> &'static str {
    let pins = include_str!("../../requirements.txt").lines().filter_map(|line| line.split_once("=="));
    pins.into_iter().find(|(name, _)| *name == package).map_or("", |(_, version)| version)
}

/// The folder of a venv's packages, whose path contains Python's version.
fn site_packages(venv: &Path) -> PathBuf {
    let versions = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let packages = versions.map(|version| version.path().join("site-packages"));
    packages.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| venv.join("lib"))
}

/// The java of `JAVA_HOME`, or else the first one on the `PATH`.
fn java() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        return Ok(Path::new(&home).join("bin/java"));
    }
    let path = std::env::var_os("PATH").context("PATH is not set")?;
    match std::env::split_paths(&path).map(|dir| dir.join("java")).find(|java| java.is_file()) {
        Some(java) => Ok(java),
        None => bail!("java is not on the PATH: run `make tools`, which says how to install it"),
    }
}
