//! The pinned tools that `make tools` installs into the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::root;

/// The programs behind the local stack's parts.
pub(crate) struct Tools {
    /// MiniStack: DynamoDB, its streams, SQS.
    pub(crate) ministack: PathBuf,
    /// rotel: the collector.
    pub(crate) rotel: PathBuf,
    /// cargo-lambda: the Lambda emulator.
    pub(crate) cargo_lambda: PathBuf,
    /// The folder of Apache Kafka's jars.
    pub(crate) kafka: PathBuf,
    /// The Java that runs them.
    pub(crate) java: PathBuf,
}

impl Tools {
    /// Finds every tool, or says in one line which is missing and what to do.
    pub(crate) fn find() -> Result<Self> {
        let venv = root().join(".tools/venv");
        let tools = Self {
            ministack: venv.join("bin/ministack"),
            rotel: site_packages(&venv).join("rotel/rotel-agent"),
            cargo_lambda: venv.join("bin/cargo-lambda"),
            kafka: root().join(".tools/kafka/lib"),
            java: java()?,
        };
        for (name, path) in [
            ("MiniStack", &tools.ministack),
            ("rotel", &tools.rotel),
            ("cargo-lambda", &tools.cargo_lambda),
            ("Apache Kafka", &tools.kafka),
        ] {
            ensure!(path.exists(), "{name} is not installed: run `make tools`");
        }
        Ok(tools)
    }

    /// The version of the installed broker, which its jar is named for.
    pub(crate) fn kafka_version(&self) -> String {
        let jars = std::fs::read_dir(&self.kafka).into_iter().flatten().flatten();
        let mut names = jars.filter_map(|jar| jar.file_name().into_string().ok());
        names
            .find_map(|name| Some(name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?.to_owned()))
            .unwrap_or_default()
    }
}

/// The pinned version of a Python-packaged tool.
pub(crate) fn pinned(package: &str) -> &'static str {
    let pins = include_str!("../requirements.txt").lines().filter_map(|line| line.split_once("=="));
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
