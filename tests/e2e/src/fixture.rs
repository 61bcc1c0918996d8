//! The stack that the tests share: started for the first test that needs it, stopped after the last one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{AwsEndpoint, Config, Stack, cli};
use tokio::runtime::Runtime;

/// When a notification job is delivered again after its receiver was killed. The template's three minutes would make
/// the tests slow. A killed delivery keeps its claim for 60 s, and the job must not be received five times within that
/// time, because it would go to the dead-letter queue.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(25);

/// The running stack, and the runtime that it and the tests run on.
pub(crate) struct Fixture {
    pub(crate) runtime: Runtime,
    stack: Stack,
    /// A number that other runs do not have: an emulator that is used again still has their orders.
    run: u64,
}

static FIXTURE: OnceLock<Result<Fixture, String>> = OnceLock::new();

impl Fixture {
    /// The fixture of this test run. The first call starts the stack.
    pub(crate) fn shared() -> Result<&'static Fixture, String> {
        let fixture =
            FIXTURE.get_or_init(|| Fixture::start().map_err(|error| format!("the stack did not start: {error:#}")));
        fixture.as_ref().map_err(Clone::clone)
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// A user id that no other test and no other run has, so that tests do not see each other's orders.
    pub(crate) fn new_user(&self) -> String {
        static USERS: AtomicUsize = AtomicUsize::new(1);
        format!("USER-{:06}{:03}", self.run, USERS.fetch_add(1, Ordering::Relaxed))
    }

    /// The id of a product that no other run has.
    pub(crate) fn product(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    /// Stops the stack, if it was started.
    pub(crate) fn stop() {
        if let Some(Ok(fixture)) = FIXTURE.get() {
            fixture.runtime.block_on(fixture.stack.stop());
        }
    }

    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let dir = local_stack::root().join(format!(".local/test-{}", std::process::id()));
        let config = Config { aws_endpoint_url: AwsEndpoint::from_env()?, ..Config::free_ports(dir)? };
        cli::log_to_file(&config)?;
        let stack = runtime.block_on(Stack::start(config))?;
        if !stack.starts_aws_emulator() {
            runtime.block_on(purge_queues(&stack))?;
        }
        // Before there is any message: a message that has been received keeps the timeout of that moment.
        runtime.block_on(shorten_visibility_timeout(&stack))?;
        let run = SystemTime::UNIX_EPOCH.elapsed()?.as_secs() % 1_000_000;
        Ok(Self { runtime, stack, run })
    }
}

/// Deletes what an earlier run has left in the queues of a running emulator, such as its poison record.
async fn purge_queues(stack: &Stack) -> Result<()> {
    let sqs = aws_sdk_sqs::Client::new(&stack.endpoints().sdk_config());
    for queue in stack.resources().queues.values() {
        let purged = sqs.purge_queue().queue_url(&queue.url).send().await;
        purged.with_context(|| format!("cannot purge the queue {}", queue.name))?;
    }
    Ok(())
}

/// Sets [`VISIBILITY_TIMEOUT`] for the queue of notification jobs.
async fn shorten_visibility_timeout(stack: &Stack) -> Result<()> {
    let queue = stack.resources().queues.get("NotificationJobsQueue").context("no NotificationJobsQueue")?;
    let sqs = aws_sdk_sqs::Client::new(&stack.endpoints().sdk_config());
    let request = sqs.set_queue_attributes().queue_url(&queue.url);
    request.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_TIMEOUT.as_secs().to_string()).send().await?;
    Ok(())
}
