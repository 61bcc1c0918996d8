//! Limits how many requests a principal may make: each principal has a token bucket, and each request takes a token.
//!
//! The buckets are in DynamoDB, shared by all processes of the gateway. A bucket is one item with one number, the *theoretical
//! arrival time* (`tat`) of the [generic cell rate algorithm]. Tokens arrive at a fixed interval, and `tat` is the arrival time of
//! the first token that has not been taken. A token may be taken before it arrives, but no further ahead than the time in which a
//! complete bucket fills. Taking tokens is thus one conditional write that advances `tat`, refilling needs no write, and a bucket is
//! full when `tat` is in the past.
//!
//! Each process also keeps its own view of every bucket (`bucket.rs`), so that a flood of requests causes few writes:
//!
//! - `tat` never decreases, so a process that has seen an empty bucket can refuse requests without asking the table.
//! - For a principal that exceeds the rate, a process takes tokens from the table in blocks, and serves the next requests from the
//!   block. A token of a block can be spent only until its arrival time. Over all processes together, the number of requests that
//!   pass in any time span is therefore at most `burst + rate × time`.
//!
//! If the table does not answer, requests pass, and the table is left alone for a few seconds.
//!
//! [generic cell rate algorithm]: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

mod bucket;
mod decision;
mod limit;
mod limiter;
mod principal;
mod store;

pub use decision::{Decision, Outcome};
pub use limit::Limit;
pub use limiter::Limiter;
pub use principal::Principal;
