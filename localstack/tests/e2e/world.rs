//! The stack under test: started for the first test that runs, stopped after the last.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use localstack::{Config, Stack};
use tokio::runtime::Runtime;

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
        let dir = localstack::root().join(format!(".local/test-{}", std::process::id()));
        let stack = runtime.block_on(Stack::start(Config::free_ports(dir)?))?;
        Ok(Self { runtime, stack })
    }
}
