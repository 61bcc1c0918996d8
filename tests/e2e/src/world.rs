//! The stack under test: started for the first test that runs, stopped after the last.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use local_stack::{Config, Stack, cli};
use tokio::runtime::Runtime;

/// How soon a message comes back whose receiver was killed: sooner than by the template's three minutes. A delivery may be
/// claimed for 60 s by somebody who is dead, and must not have been received five times by then.
const VISIBILITY: Duration = Duration::from_secs(25);

/// What the tests share.
pub(crate) struct World {
    /// What runs the stack and the tests.
    pub(crate) runtime: Runtime,
    stack: Stack,
}

static WORLD: OnceLock<Result<World, String>> = OnceLock::new();

impl World {
    /// The world, with a running stack.
    pub(crate) fn get() -> Result<&'static World, String> {
        let world = WORLD.get_or_init(|| World::start().map_err(|error| format!("the stack did not start: {error:#}")));
        world.as_ref().map_err(Clone::clone)
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The customers of this run, so that no test sees another's orders.
    pub(crate) fn new_user(&self) -> String {
        static USERS: AtomicUsize = AtomicUsize::new(1);
        format!("USER-{:03}", USERS.fetch_add(1, Ordering::Relaxed))
    }

    /// Stops the stack, if it was started.
    pub(crate) fn stop() {
        if let Some(Ok(world)) = WORLD.get() {
            world.runtime.block_on(world.stack.stop());
        }
    }

    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let dir = local_stack::root().join(format!(".local/test-{}", std::process::id()));
        let config = Config::free_ports(dir)?;
        cli::log_to_file(&config)?;
        let stack = runtime.block_on(Stack::start(config))?;
        // Before there is any message: one that is received already keeps the timeout that it was received with.
        runtime.block_on(hasten(&stack))?;
        Ok(Self { runtime, stack })
    }
}

/// Has the jobs of those who die come back soon.
async fn hasten(stack: &Stack) -> Result<()> {
    let queue = stack.resources().queues.get("NotificationJobsQueue").context("no queue of jobs")?;
    let sqs = aws_sdk_sqs::Client::new(&stack.endpoints().sdk_config());
    let set = sqs.set_queue_attributes().queue_url(&queue.url);
    set.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY.as_secs().to_string()).send().await?;
    Ok(())
}
