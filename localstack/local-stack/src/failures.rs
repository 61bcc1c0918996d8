//! Tells the rest of the stack that a part has failed.

use anyhow::{Result, anyhow};
use tokio::sync::watch;

/// The first failure of a part, if there was one. Clones share it.
#[derive(Clone)]
pub(crate) struct Failures(watch::Sender<Option<String>>);

impl Failures {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Reports a failure to every waiter in [`Failures::first`]. Later failures are usually consequences of the first
    /// one, and are only logged.
    pub(crate) fn report(&self, failure: String) {
        tracing::error!("{failure}");
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }

    /// Reports that a part has ended which must run as long as the stack.
    pub(crate) fn report_end(&self, part: &str, end: Result<()>) {
        match end {
            Ok(()) => self.report(format!("{part} has ended")),
            Err(error) => self.report(format!("{part} has failed: {error:#}")),
        }
    }

    /// Resolves when a part has failed, or at once if one already has.
    pub(crate) fn first(&self) -> impl Future<Output = anyhow::Error> + Send + use<> {
        // The future also holds a sender, so that the channel cannot close.
        let (sender, mut receiver) = (self.0.clone(), self.0.subscribe());
        async move {
            let first = receiver.wait_for(Option::is_some).await.map(|failure| failure.clone().unwrap_or_default());
            drop(sender);
            anyhow!(first.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_failure_is_kept() {
        let failures = Failures::new();
        let early = failures.first();
        failures.report("Kafka exited".into());
        failures.report("the poller has failed".into());
        assert_eq!(early.await.to_string(), "Kafka exited");
        assert_eq!(failures.first().await.to_string(), "Kafka exited");
    }
}
