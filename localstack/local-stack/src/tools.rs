//! The pinned tools that `make tools` installs into the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{Config, root};

/// The programs behind the local stack's parts.
pub(crate) struct Tools {
    /// MiniStack: DynamoDB, its streams, SQS.
    pub(crate) ministack: PathBuf,
    /// rotel: the collector.
    pub(crate) rotel: PathBuf,
    /// cargo-lambda: the Lambda emulator.
    pub(crate) cargo_lambda: PathBuf,
    /// What serves Kafka.
    pub(crate) broker: Broker,
}

/// A Kafka broker.
pub(crate) enum Broker {
    /// Apache Kafka, to be started: the folder of its jars, and the Java that runs them.
    Apache { jars: PathBuf, java: PathBuf },
    /// One that somebody else runs.
    Running,
}

impl Tools {
    /// Finds every tool, or says in one line which is missing and what to do.
    pub(crate) fn find(config: &Config) -> Result<Self> {
        let venv = root().join(".tools/venv");
        let broker = match config.kafka_bootstrap_servers {
            Some(_) => Broker::Running,
            None => Broker::Apache { jars: installed("Apache Kafka", root().join(".tools/kafka/lib"))?, java: java()? },
        };
        Ok(Self {
            ministack: installed("MiniStack", venv.join("bin/ministack"))?,
            rotel: installed("rotel", site_packages(&venv).join("rotel/rotel-agent"))?,
            cargo_lambda: installed("cargo-lambda", venv.join("bin/cargo-lambda"))?,
            broker,
        })
    }
}

/// The version of the broker in a folder of jars, one of which is named for it.
pub(crate) fn kafka_version(jars: &Path) -> String {
    let jars = std::fs::read_dir(jars).into_iter().flatten().flatten();
    let mut names = jars.filter_map(|jar| jar.file_name().into_string().ok());
    names.find_map(|name| Some(name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?.to_owned())).unwrap_or_default()
}

fn installed(name: &str, path: PathBuf) -> Result<PathBuf> {
    ensure!(path.exists(), "{name} is not installed: run `make tools`");
    Ok(path)
}

/// The pinned version of a Python-packaged tool.
pub(crate) fn pinned(package: &str) -> &'static str {
    let pins = include_str!("../../requirements.txt").lines().filter_map(|line| line.split_once("=="));
    pins.into_iter().find(|(name, _)| *name == package).map_or("", |(_, version)| version)
}

/// Where a venv keeps its packages: the folder is named for Python's version.
fn site_packages(venv: &Path) -> PathBuf {
    let versions = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let packages = versions.map(|version| version.path().join("site-packages"));
    packages.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| venv.join("lib"))
}

/// `JAVA_HOME`'s java, or else the PATH's.
fn java() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        return Ok(Path::new(&home).join("bin/java"));
    }
    let path = std::env::var_os("PATH").context("PATH is not set")?;
    match std::env::split_paths(&path).map(|dir| dir.join("java")).find(|java| java.is_file()) {
        Some(java) => Ok(java),
        None => bail!("java is not on the PATH: run `make tools`, which says how to get it"),
    }
}
