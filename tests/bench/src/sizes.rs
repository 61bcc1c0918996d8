//! The sizes of binaries without symbols, as `cargo lambda build` builds them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A minimal function without and with telemetry: the examples of the telemetry crate.
pub(crate) const EXAMPLES: [&str; 2] = ["bare", "traced"];

/// The size of a stripped binary, in bytes.
pub(crate) fn stripped(binary: &Path) -> Result<u64> {
    let output = tempfile::NamedTempFile::new()?;
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").arg(output.path()).arg(binary).status().context("cannot run strip (binutils)")?;
    ensure!(status.success(), "strip {} failed: {status}", binary.display());
    Ok(std::fs::metadata(output.path())?.len())
}
