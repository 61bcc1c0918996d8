//! The gateway: the only function that callers outside of the system can reach. It authenticates callers, limits their rate, shows
//! them only their own data, and forwards requests to the services behind it.
//!
//! The table of its routes, each with the access that it requires, is in [`http`].

pub mod auth;
mod gateway;
pub mod http;
mod middleware;
pub mod rate_limit;

pub use auth::{Authenticator, Caller};
pub use gateway::Gateway;
pub use middleware::Cors;
