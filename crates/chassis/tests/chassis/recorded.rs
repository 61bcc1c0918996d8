//! The spans and logs that a test records, as JSON lines.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use serde_json::Value;
use tracing_subscriber::fmt::format::FmtSpan;

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The telemetry that the current thread has recorded. A test and all its tasks run on one thread.
pub(crate) struct Recorded;

impl Recorded {
    /// Starts an empty record.
    pub(crate) fn start() -> Self {
        static START: Once = Once::new();
        START.call_once(|| {
            let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE);
            subscriber.with_span_events(FmtSpan::CLOSE).with_writer(|| Writer).init();
            // Another test's thread may have cached that a callsite has no subscriber.
            tracing::callsite::rebuild_interest_cache();
        });
        TEXT.take();
        Self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(TEXT.with_borrow(Clone::clone)).unwrap()
    }

    /// The request spans that have ended, in the order in which they ended.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let closed = self.lines().into_iter();
        let closed = closed.filter(|line| line["fields"]["message"] == "close" && line["span"]["name"] == "request");
        closed.map(|line| line["span"].clone()).collect()
    }

    /// The circuit breakers' log records in their order: level and message.
    pub(crate) fn circuit_breakers(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let logged = self.lines().into_iter().map(|line| (text(&line["level"]), text(&line["fields"]["message"])));
        logged.filter(|(_, message)| message.starts_with("the circuit breaker")).collect()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.with_borrow_mut(|text| text.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
