//! How large binaries are, without their symbols: `cargo lambda build` removes those too.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// What a function without telemetry and the same with it are called: examples of the telemetry crate.
pub(crate) const EXAMPLES: [&str; 2] = ["bare", "traced"];

/// The functions.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "gateway",
    "order",
    "order-relay",
    "order-recovery",
    "inventory",
    "payment",
    "notification",
    "notification-delivery",
];

/// A binary's size in bytes.
pub(crate) fn stripped(binary: &Path) -> Result<u64> {
    let small = tempfile::NamedTempFile::new()?;
    let mut strip = Command::new("strip");
    let done = strip.arg("-o").arg(small.path()).arg(binary).status().context("cannot run strip (binutils)")?;
    ensure!(done.success(), "strip {}: {done}", binary.display());
    Ok(std::fs::metadata(small.path())?.len())
}
