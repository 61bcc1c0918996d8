//! Stacks that use an AWS emulator which they did not start. The functions must be built (`make build`).

mod ministack;
mod running;
