//! Calls from function to function, from both ends: how they are made, signed and refused.

#![allow(clippy::unwrap_used)]

mod calls;
mod signature;
mod spans;
mod strangers;
