//! Authentication: bearer tokens ([RFC 6750]) that are JWTs, checked by the rules of [RFC 8725] against the keys that their issuer
//! publishes.
//!
//! A caller is told only that its token is not valid or that it has expired. The reason is logged, in our own words: neither the
//! token nor anything else that a caller chose is in the log.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

mod authenticator;
mod bearer;
mod caller;
mod jwks;
mod keys;
pub mod scope;
mod token;

pub use authenticator::Authenticator;
pub use caller::Caller;
pub use keys::Keys;
pub use scope::Scope;
pub use token::{Expected, MAX_TOKEN, TokenError, key_id, verify};
