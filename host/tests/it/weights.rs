//! Weights on the development chain: committed and revealed, dropped, and set by
//! a validator whose chain was away.
#![allow(clippy::unwrap_used, clippy::panic)]

mod commits;
mod python;
pub(crate) mod support;
mod validator;
