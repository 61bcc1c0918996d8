//! One line a part as it becomes ready.

use std::time::Instant;

use anstyle::{AnsiColor, Style};

const GREEN: Style = AnsiColor::Green.on_default();
const DIMMED: Style = Style::new().dimmed();

/// Prints what has become ready and how long it took; without colours where stdout is no terminal.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    shown: bool,
    start: Instant,
}

impl Progress {
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown, start: Instant::now() }
    }

    /// `part` is what the functions see, `program` what provides it, `address` where; the time is since the stack's
    /// start.
    pub(crate) fn ready(self, part: &str, program: &str, address: &str) {
        if self.shown {
            let seconds = self.start.elapsed().as_secs_f64();
            anstream::println!(
                "{GREEN}✓{GREEN:#} {part:<19}{program:<29}{address:<24}{DIMMED}{seconds:>5.1} s{DIMMED:#}"
            );
        }
    }
}
