//! How many requests a principal may make: a bucket of tokens each, that a request takes one of.
//!
//! The buckets are in DynamoDB, where all processes of the gateway share them, as one number an item: the *theoretical arrival
//! time* (`tat`) of the [generic cell rate algorithm]. Tokens arrive in a steady row, one an interval; `tat` is when the first one
//! arrives that nobody has taken. It may be taken ahead of its time, but no further ahead than a whole bucket fills in. So
//! taking is one conditional write that moves `tat`, filling needs none, and a bucket is full where `tat` has passed.
//!
//! In front of the table each process has buckets of its own (`bucket.rs`), so that a flood costs few writes:
//!
//! - `tat` never goes back, so a process that has seen it too far ahead refuses by itself.
//! - A principal that is ahead of the rate takes tokens from the table in blocks, of which the next requests are served. A token
//!   of a block can be spent until its arrival time, and not after it. So of the requests that come in any span of time no more
//!   pass than `burst + rate × time`, over all processes together.
//!
//! Where the table does not answer, requests pass, and for a while it is not asked again.
//!
//! [generic cell rate algorithm]: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

mod bucket;
mod limit;
mod limiter;
mod principal;
mod store;
mod verdict;

pub use limit::Limit;
pub use limiter::Limiter;
pub use principal::Principal;
pub use verdict::{Outcome, Verdict};
