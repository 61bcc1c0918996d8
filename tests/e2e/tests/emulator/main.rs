//! Stacks that use an AWS emulator which they did not start. The functions must be built (`make build`).

mod cloudformation;
mod ministack;
mod running;

/// Held by the test that runs: two stacks at the same time would not be faster.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
