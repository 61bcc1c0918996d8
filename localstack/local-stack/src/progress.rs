//! Prints one line per part when it becomes ready.

use std::time::Instant;

use anstyle::{AnsiColor, Style};

const GREEN: Style = AnsiColor::Green.on_default();
const DIMMED: Style = Style::new().dimmed();

/// Prints which parts are ready and how long they took. Without colours if stdout is not a terminal.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    shown: bool,
    start: Instant,
}

impl Progress {
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown, start: Instant::now() }
    }

    /// Prints that `part` (such as DynamoDB) is provided by `program` (such as MiniStack) at `address`, with the time
    /// since the stack's start.
    pub(crate) fn ready(self, part: &str, program: &str, address: &str) {
        if self.shown {
            let seconds = self.start.elapsed().as_secs_f64();
            anstream::println!(
                "{GREEN}✓{GREEN:#} {part:<19}{program:<29}{address:<24}{DIMMED}{seconds:>5.1} s{DIMMED:#}"
            );
        }
    }
}
