//! `local-stack dev`: for developing with `cargo lambda watch`, which compiles the functions, runs them, and starts them again
//! when their code changes. The stack provides everything else.

use std::path::{Display, Path, PathBuf};
use std::{env, fs};

use anstyle::Style;
use anyhow::{Context as _, Result};

use crate::functions::env_file;
use crate::{Stack, demo, root};

const BOLD: Style = Style::new().bold();

/// The shell commands with which a developer runs the functions, in the root of the checkout.
#[derive(Debug)]
pub struct Commands {
    /// The file with the environment of every function.
    pub env_file: PathBuf,
    /// Runs the functions until Ctrl-C.
    pub watch: String,
    /// Invokes one with its sample event.
    pub invoke: String,
}

impl Commands {
    /// The commands for a stack that does not run the functions itself. Writes `local.env` to the stack's folder.
    ///
    /// # Errors
    /// When the functions' variables do not fit into one file, or it cannot be written.
    pub fn new(stack: &Stack) -> Result<Self> {
        let env_file = stack.dir().join("local.env");
        let text = env_file::render(stack.functions(), stack.endpoints())?;
        fs::write(&env_file, text).with_context(|| format!("cannot write {}", env_file.display()))?;
        let cargo_lambda = cargo_lambda();
        // cargo-lambda's own default is to listen on every interface.
        let address = format!("--invoke-address 127.0.0.1 --invoke-port {}", stack.api_port());
        Ok(Self {
            watch: format!("{cargo_lambda} watch --env-file {} {address}", relative(&env_file)),
            invoke: format!("{cargo_lambda} invoke order --data-file events/order.json {address}"),
            env_file,
        })
    }
}

/// Prints the commands to run in other terminals.
pub(crate) fn print_usage(stack: &Stack) -> Result<()> {
    let Commands { env_file, watch, invoke } = Commands::new(stack)?;
    anstream::println!(
        "
{BOLD}Environment{BOLD:#}   {env_file}
{BOLD}Traces{BOLD:#}        {viewer}
{BOLD}Logs{BOLD:#}          {logs}

{BOLD}Run the functions{BOLD:#} in a second terminal; saving a file compiles them and starts them again:

{watch}

{BOLD}Invoke one{BOLD:#} in a third terminal, or place an order:

{invoke}

{curl}

Events wait until the functions run. Ctrl-C stops everything but `cargo lambda watch`.",
        env_file = relative(&env_file),
        viewer = stack.endpoints().traces,
        logs = relative(&stack.logs()),
        curl = demo::curl(stack.endpoints())?,
    );
    Ok(())
}

/// A path as seen from the root of the checkout.
fn relative(path: &Path) -> Display<'_> {
    path.strip_prefix(root()).unwrap_or(path).display()
}

/// The command before `watch` and `invoke`: `cargo lambda` if cargo-lambda is on the `PATH`, or else the pinned program.
fn cargo_lambda() -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let pinned = root().join(".tools/venv/bin/cargo-lambda");
    match env::split_paths(&path).any(|dir| dir.join("cargo-lambda").is_file()) {
        true => "cargo lambda".to_owned(),
        false => format!("{} lambda", relative(&pinned)),
    }
}
