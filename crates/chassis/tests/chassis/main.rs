//! Calls between functions, from both ends: how they are sent, retried, signed and rejected.

#![allow(clippy::unwrap_used)]

mod allowed_callers;
mod broken_connections;
mod calls;
mod recorded;
mod signature;
