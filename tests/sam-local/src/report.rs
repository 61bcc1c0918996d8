//! The tests' outcomes, printed as `cargo test` prints them.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

/// Prints each outcome when it is known, and counts them.
pub(crate) struct Report {
    tests: usize,
    passed: usize,
    failed: usize,
    since: Instant,
}

impl Report {
    pub(crate) fn new(tests: usize) -> Self {
        Self { tests, passed: 0, failed: 0, since: Instant::now() }
    }

    /// The only line that is printed if nothing can be tested.
    pub(crate) fn skipped(&self, reason: &anyhow::Error) -> ExitCode {
        println!("sam local: {} tests skipped: {reason:#}", self.tests);
        ExitCode::SUCCESS
    }

    pub(crate) fn add(&mut self, test: &str, outcome: Result<()>) {
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("test {test} ... ok ({seconds:.1} s)");
            }
            Err(error) => {
                self.failed += 1;
                println!("test {test} ... FAILED ({seconds:.1} s)\n    {error:#}");
            }
        }
    }

    /// Fails if a test failed or did not run.
    pub(crate) fn finish(self) -> ExitCode {
        let Self { tests, passed, failed, .. } = self;
        let ok = passed == tests;
        println!("\ntest result: {}. {passed} passed; {failed} failed; 0 ignored", if ok { "ok" } else { "FAILED" });
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
