//! Challenge generator `challenge-matmul`: proves operations per second, exactly.
//!
//! Sends a chain of matrix products to the miner's `matmul-merkle-v1`, takes the
//! time until the miner has committed to the results, then has a few rows
//! opened and checks them at a small part of the cost. How the proof works,
//! what a pass means, with which probability a cheat passes and what cannot be
//! proven is in [`matmul_proof`]; the settings are in [`settings`], what is said
//! when in [`conversation`].

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "challenge-generator",
    });
}

pub mod conversation;
pub mod settings;
#[cfg(test)]
mod tests;

use bindings::{
    compute::subnet::settings as host,
    exports::compute::subnet::{
        challenge::{Exchange, Guest as Challenge, Session, Step},
        plugin::{Description, Guest as Plugin},
    },
};
use settings::Settings;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "challenge-matmul".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "proves operations per second by exact matrix products".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        Settings::read(&host::all()).map(|_| ())
    }
}

impl Challenge for Component {
    fn advance(session: Session, transcript: Vec<Exchange>) -> Result<Step, String> {
        conversation::advance(&Settings::read(&host::all())?, &session, &transcript)
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
