//! A simulation of the whole order system: many small worlds, each with a few buyers, the real functions, and a network, tables, a
//! provider and a topic that fail as a seed decides. When a world has come to rest, every promise of the system is checked.
//!
//! A world is one thread with a clock of its own, which moves when everybody waits: a timeout costs nothing, and a seed gives
//! the same run again.

pub mod dynamodb;
mod kernel;
mod run;
mod sabotage;
mod world;

pub use kernel::{Fault, Violation, Write};
pub use run::{Plan, Totals, run};
pub use sabotage::Sabotage;
pub use world::{Outcome, World, one_order};
