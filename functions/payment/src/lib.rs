//! Payment: at most one charge per order, whatever crashes.

mod charge;
pub mod http;
mod provider;
mod store;

pub use charge::{ChargeError, charge, find, refund};
pub use provider::{ConfiguredProvider, HttpProvider, Provider, ProviderError, Reason, Simulated, UnknownOutcome};
pub use store::Store;
