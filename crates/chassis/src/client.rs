//! HTTP calls to other services: a timeout per call, and optionally a retry, a circuit breaker and an AWS signature.
//!
//! A function makes one [`Connector`] at start, and with it one [`Service`] per service that it calls.

mod call_error;
mod circuit_breaker;
mod connector;
mod retry;
mod service;
mod signer;
mod transport;

pub use call_error::CallError;
pub use connector::{Connector, ServiceAuth};
pub use service::Service;
pub use transport::{NoAnswer, Transport};
