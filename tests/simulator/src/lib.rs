//! Deterministic simulation of the order system: the functions' own code runs in one thread on virtual time, while one seed decides
//! what customers do, which faults are injected, and in which order things happen. When the faults have stopped, every invariant
//! of the system is checked.
//!
//! # What is real
//!
//! - The code of order, order-relay, order-recovery, inventory, payment, notification and notification-delivery: from the HTTP
//!   router or the trigger's event down to the SDK client, with the SDK's retries and timeouts.
//! - The tables and indexes of `template.yaml`.
//!
//! # What is simulated
//!
//! - DynamoDB, by the emulator dynoxide; SQS, Kafka and the payment provider. All of them are in memory.
//! - The event source mappings: batches, partial batch responses, redelivery.
//! - The network between all of these. Any call can be lost, delayed, duplicated or rejected with a transient error, its response
//!   can be lost or delayed, and the caller can crash before, during or after it ([`Fault`]).
//! - Customers, who place, retry and cancel orders at the same time.
//! - Time: it moves only when every task waits, so a timeout costs no real time.
//!
//! # What is left out
//!
//! - The gateway. It keeps no state about orders, and its tests cover authentication, rate limits and routing. Customers call the
//!   order function directly.
//! - Telemetry: no spans or metrics are recorded, and records and messages carry no trace context.
//! - Dead-letter queues and parked records: nothing is given up, so an event or a job that can never be handled fails the trial.
//! - DynamoDB's time to live, throughput limits and index delays.
//!
//! # Run and replay
//!
//! A [`Trial`] is one run of a small system with some dozen orders. A [`Campaign`] is many trials; `make simulate` runs one, with
//! trial seeds that are derived from `SEED`. If an invariant does not hold, the campaign stops and prints the violations and the
//! command that runs the failed trial again with a log of everything that happened:
//!
//! ```text
//! VIOLATED: a charged order is either confirmed or refunded
//!   seen: …
//! replay: make simulate ARGS='--replay 11400714819323198486 --orders-per-trial 60 --verbose'
//! ```
//!
//! A replay needs the same commit: any change of the code can change what a seed means. A [`Mutation`] puts a deliberate bug into
//! the system, to test that the checks detect it.

mod campaign;
mod invariants;
mod mutation;
mod simulation;
mod system;
mod trial;
mod workload;
mod write_units;

pub use campaign::{Campaign, Totals};
pub use mutation::Mutation;
pub use simulation::{Fault, Violation};
pub use system::Write;
pub use trial::{Outcome, Trial};
pub use write_units::writes_of_one_order;
