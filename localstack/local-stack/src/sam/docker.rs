//! The Docker Engine.

use std::env;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::functions::binaries;
use crate::root;

/// Longest wait for an answer of the engine.
const DEADLINE: Duration = Duration::from_secs(20);

/// Longest time for pulling AWS's image, or making one.
const IMAGE_DEADLINE: Duration = Duration::from_secs(400);

/// The variables of the user's environment that say where the engine is.
const VARIABLES: [&str; 5] =
    ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"];

/// A Docker Engine that can run the functions.
pub struct Docker {
    /// The address of this machine in the network of its containers.
    pub(crate) gateway: Ipv4Addr,
    /// The image in which the functions run.
    pub(crate) image: String,
}

impl Docker {
    /// Finds the engine, and makes or pulls the image that the functions run in, if it is not there yet.
    ///
    /// # Errors
    /// When no engine answers, or there is no image in which the functions start.
    pub async fn find() -> Result<Self> {
        ensure!(
            cfg!(target_os = "linux"),
            "sam local works on Linux only, because its containers run the programs of `make build`"
        );
        Self::engine().await?;
        let network =
            docker(&["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]).await?;
        let gateway = String::from_utf8_lossy(&network.stdout).trim().to_owned();
        let gateway =
            gateway.parse().with_context(|| format!("Docker's network `bridge` has the gateway {gateway:?}"))?;
        Ok(Self { gateway, image: image().await? })
    }

    /// The engine's version.
    ///
    /// # Errors
    /// When no engine answers.
    pub async fn engine() -> Result<String> {
        let version = docker(&["version", "--format", "{{.Server.Version}}"]).await;
        let version = version.context(
            "no Docker Engine answers, which `sam local` needs: start it, or set DOCKER_HOST to its address",
        )?;
        Ok(String::from_utf8_lossy(&version.stdout).trim().to_owned())
    }

    /// The ids of the containers whose image is the functions' image or derived from it, separated by spaces.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn containers(&self) -> Result<String> {
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &format!("ancestor={}", self.image)]).await?;
        Ok(String::from_utf8_lossy(&ids.stdout).trim().replace('\n', " "))
    }
}

/// The user's settings of the Docker client.
pub(super) fn environment() -> impl Iterator<Item = (&'static str, OsString)> {
    VARIABLES.into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
}

/// Removes the containers of a stack, running or not: those in which a function's code, a folder in `code` of `dir`, is mounted.
pub(super) async fn remove_containers(dir: &Path) -> Result<()> {
    let code = std::fs::read_dir(dir.join("code")).context("cannot list the functions' code")?;
    let folders = code.map(|folder| Ok(format!("volume={}", folder?.path().display())));
    let folders = folders.collect::<Result<Vec<_>>>()?;
    let filters = folders.iter().flat_map(|folder| ["--filter", folder]);
    let found = docker(&["ps", "--all", "--quiet"].into_iter().chain(filters).collect::<Vec<_>>()).await?;
    let found = String::from_utf8_lossy(&found.stdout);
    let ids: Vec<_> = found.split_whitespace().collect();
    if !ids.is_empty() {
        docker(&[&["rm", "--force"], &*ids].concat()).await?;
    }
    Ok(())
}

async fn docker(arguments: &[&str]) -> Result<Output> {
    let mut docker = Command::new("docker");
    docker.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output =
        timeout(DEADLINE, docker.output()).await.context("docker does not answer")?.context("cannot run docker")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim().replace('\n', " "));
    }
    Ok(output)
}

/// The name of the image. The script's progress and errors go to stderr.
async fn image() -> Result<String> {
    let mut script = Command::new(root().join("localstack/sam/image.sh"));
    script.arg(binaries()?).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let script = script.spawn().context("cannot run localstack/sam/image.sh")?;
    let output = timeout(IMAGE_DEADLINE, script.wait_with_output()).await;
    let output = output.context("timed out while making the image")??;
    ensure!(output.status.success(), "there is no image in which the functions run");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
