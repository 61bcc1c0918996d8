//! The gateway: the only way in. It knows who asks, lets them see what is theirs, and passes on the rest.

mod admit;
pub mod auth;
mod front;
mod gateway;
pub mod http;
mod openapi;
pub mod rate_limit;

pub use auth::{Authenticator, Caller};
pub use front::Cors;
pub use gateway::Gateway;
