//! The gateway: the only way in. It knows who asks, lets them see what is theirs, and passes on the rest.

mod auth;
mod gateway;
pub mod http;

pub use auth::{Authenticator, Caller};
pub use gateway::Gateway;
