//! Integration tests, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub
)]

mod devchain;
