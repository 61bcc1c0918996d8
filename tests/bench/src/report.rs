//! The figures as markdown, on stdout.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use crate::collector::Counts;
use crate::invocations::{FUNCTION, Variant};
use crate::sizes::{EXAMPLES, FUNCTIONS, stripped};

/// On what it is measured.
pub(crate) async fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let rustc = Command::new("rustc").arg("--version").current_dir(local_stack::root()).output().await;
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{cores} cores ({}), {rustc}, {profile} profile\n", cpu.unwrap_or(std::env::consts::ARCH));
}

/// Times of every variant, and whether the goals are met.
pub(crate) fn invocations(variants: &[Variant; 4]) {
    type Figure = fn(&Variant) -> Duration;
    let figures: [(&str, Figure); 7] = [
        ("start of the process until it is ready, median", |of| percentile(of.init.iter().copied(), 50)),
        ("first answer, median", |of| percentile(of.first.iter().map(|took| took.answer), 50)),
        ("until it is ready again, median", |of| percentile(of.first.iter().map(|took| took.whole), 50)),
        ("later answers, p50", |of| percentile(of.took.iter().map(|took| took.answer), 50)),
        ("later answers, p99", |of| percentile(of.took.iter().map(|took| took.answer), 99)),
        ("until it is ready again, p50", |of| percentile(of.took.iter().map(|took| took.whole), 50)),
        ("until it is ready again, p99", |of| percentile(of.took.iter().map(|took| took.whole), 99)),
    ];
    println!("| {FUNCTION}, ms | {} |", variants.each_ref().map(|variant| variant.name).join(" | "));
    println!("|---{}|", "|---:".repeat(variants.len()));
    for (name, figure) in figures {
        let cells = variants.each_ref().map(|variant| format!("{:.2}", milliseconds(figure(variant))));
        println!("| {name} | {} |", cells.join(" | "));
    }
    let samples = variants.each_ref().map(|variant| format!("{}, {}", variant.init.len(), variant.took.len()));
    println!("| starts, later invocations | {} |\n", samples.join(" | "));

    let [off, on, away, _] =
        variants.each_ref().map(|variant| figures.map(|(_, figure)| milliseconds(figure(variant))));
    let more = |n: usize, with: [f64; 7]| with[n] - off[n];
    let percent = |n: usize| 100.0 * more(n, on) / off[n];
    println!("| Goal | Measured | Met |\n|---|---:|---|");
    goal("start: 5 ms more at most", more(0, on), 5.0, "ms");
    goal("answer, p50: 5 % more at most", percent(3), 5.0, "%");
    goal("answer, p99: 10 % more at most", percent(4), 10.0, "%");
    goal("answer, p99, collector away: 2 ms more at most", more(4, away), 2.0, "ms");
    println!();
}

fn goal(name: &str, measured: f64, most: f64, unit: &str) {
    println!("| {name} | {measured:+.2} {unit} | {} |", if measured <= most { "yes" } else { "no" });
}

/// What an order makes the functions send.
pub(crate) fn orders(counts: &Counts, orders: u32) {
    println!("| Sent of an order | Bytes | Requests |\n|---|---:|---:|");
    let each = |sum: u64| sum as f64 / f64::from(orders);
    for (signal, count) in counts {
        println!("| {signal} | {:.0} | {:.1} |", each(count.bytes), each(count.exports));
    }
    let (bytes, exports) = (counts.values().map(|count| count.bytes), counts.values().map(|count| count.exports));
    println!("| together | {:.0} | {:.1} |\n", each(bytes.sum()), each(exports.sum()));
}

/// How large the functions are, and what telemetry adds to a small one.
pub(crate) fn sizes(binaries: &Path) -> Result<()> {
    println!("| Binary | MB |\n|---|---:|");
    for name in FUNCTIONS {
        println!("| {name} | {:.1} |", megabytes(stripped(&binaries.join(name))?));
    }
    let [bare, traced] = EXAMPLES.map(|name| stripped(&binaries.join("examples").join(name)));
    let (bare, traced) = (megabytes(bare?), megabytes(traced?));
    println!("| a function that only greets, without telemetry | {bare:.1} |");
    println!("| the same with telemetry | {traced:.1} |");
    Ok(())
}

/// The nearest rank.
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
