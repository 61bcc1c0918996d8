//! Prints the measurements as markdown.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use local_sam_template::{DeclaredFunction, Template};
use local_stack::root;
use tokio::process::Command;

use crate::collector::Counts;
use crate::fixture::FUNCTION;
use crate::invocations::Variant;
use crate::sizes::{EXAMPLES, stripped};

/// The machine, the compiler and the build profile.
pub(crate) async fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let rustc = Command::new("rustc").arg("--version").current_dir(root()).output().await;
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{cores} cores ({}), {rustc}, {profile} profile\n", cpu.unwrap_or(std::env::consts::ARCH));
}

/// The times of every variant, and whether the goals are met.
pub(crate) fn invocations(variants: &[Variant; 4]) {
    type Figure = fn(&Variant) -> Duration;
    let figures: [(&str, Figure); 7] = [
        ("process start until ready, median", |of| percentile(of.init.iter().copied(), 50)),
        ("first response, median", |of| percentile(of.first.iter().map(|timing| timing.response), 50)),
        ("first invocation until ready again, median", |of| percentile(of.first.iter().map(|timing| timing.total), 50)),
        ("warm response, p50", |of| percentile(of.warm.iter().map(|timing| timing.response), 50)),
        ("warm response, p99", |of| percentile(of.warm.iter().map(|timing| timing.response), 99)),
        ("warm invocation until ready again, p50", |of| percentile(of.warm.iter().map(|timing| timing.total), 50)),
        ("warm invocation until ready again, p99", |of| percentile(of.warm.iter().map(|timing| timing.total), 99)),
    ];
    println!("| {FUNCTION}, ms | {} |", variants.each_ref().map(|variant| variant.name).join(" | "));
    println!("|---{}|", "|---:".repeat(variants.len()));
    for (name, figure) in figures {
        let cells = variants.each_ref().map(|variant| format!("{:.2}", milliseconds(figure(variant))));
        println!("| {name} | {} |", cells.join(" | "));
    }
    let samples = variants.each_ref().map(|variant| format!("{}, {}", variant.init.len(), variant.warm.len()));
    println!("| samples: cold starts, warm invocations | {} |\n", samples.join(" | "));

    let [off, on, down, _] =
        variants.each_ref().map(|variant| figures.map(|(_, figure)| milliseconds(figure(variant))));
    let difference = |n: usize, with: [f64; 7]| with[n] - off[n];
    let percent = |n: usize| 100.0 * difference(n, on) / off[n];
    println!("| Goal | Measured | Met |\n|---|---:|---|");
    goal("process start until ready: at most 5 ms more", difference(0, on), 5.0, "ms");
    goal("warm response, p50: at most 5 % more", percent(3), 5.0, "%");
    goal("warm response, p99: at most 10 % more", percent(4), 10.0, "%");
    goal("warm response, p99, collector down: at most 2 ms more", difference(4, down), 2.0, "ms");
    println!();
}

fn goal(name: &str, measured: f64, limit: f64, unit: &str) {
    println!("| {name} | {measured:+.2} {unit} | {} |", if measured <= limit { "yes" } else { "no" });
}

/// The telemetry that the functions export per order.
pub(crate) fn orders(counts: &Counts, orders: u32) {
    println!("| Exported per order | Bytes | Requests |\n|---|---:|---:|");
    let each = |sum: u64| sum as f64 / f64::from(orders);
    for (signal, count) in counts {
        println!("| {signal} | {:.0} | {:.1} |", each(count.bytes), each(count.exports));
    }
    let (bytes, exports) = (counts.values().map(|count| count.bytes), counts.values().map(|count| count.exports));
    println!("| total | {:.0} | {:.1} |\n", each(bytes.sum()), each(exports.sum()));
}

/// The sizes of the functions, and of a minimal function without and with telemetry.
pub(crate) fn sizes(binaries: &Path) -> Result<()> {
    println!("| Binary | MB |\n|---|---:|");
    for DeclaredFunction { name, .. } in Template::load(root().join("template.yaml"))?.declared_functions()? {
        println!("| {name} | {:.1} |", megabytes(stripped(&binaries.join(&name))?));
    }
    let [bare, traced] = EXAMPLES.map(|name| stripped(&binaries.join("examples").join(name)));
    let (bare, traced) = (megabytes(bare?), megabytes(traced?));
    println!("| minimal function without telemetry | {bare:.1} |");
    println!("| minimal function with telemetry | {traced:.1} |");
    Ok(())
}

/// The percentile by the nearest-rank method.
fn percentile(times: impl Iterator<Item = Duration>, percent: usize) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
