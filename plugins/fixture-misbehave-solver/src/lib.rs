//! A challenge solver that misbehaves as its setting `mode` says; for tests.
//!
//! Beside the modes of [`fixture_modes`], in `answer`:
//!
//! | mode | answer |
//! |------|--------|
//! | `ok` | the payload as it came |
//! | `malformed` | that the payload is |
//! | `unable` | that it cannot |
//! | `too-much` | 32 MiB |
//! | `escapes` | a failure with terminal escapes in it |
//! | `count` | how many tasks this instance has answered, one byte |
//! | `many-names` | the payload; but `solves` lists a million names |

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "challenge-solver",
    });
}

use std::cell::Cell;

use bindings::{
    compute::subnet::{log, settings},
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        solver::{Failure, Guest as Solver, Session},
    },
};
use fixture_modes::{ESCAPES, TOO_MANY_BYTES};

const MANY_NAMES: usize = 1_000_000;

thread_local! {
    static ANSWERED: Cell<u8> = const { Cell::new(0) };
}

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: fixture_modes::name(&mode(), "misbehave-solver", write),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "misbehaves as it is told; for tests".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        fixture_modes::check_settings(&mode(), write)
    }
}

impl Solver for Component {
    fn solves() -> Vec<String> {
        let count = if mode() == "many-names" {
            MANY_NAMES
        } else {
            1
        };
        vec!["fixture-v1".to_owned(); count]
    }

    fn answer(_session: Session, payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let mode = mode();
        fixture_modes::misbehave(&mode, write);
        ANSWERED.set(ANSWERED.get().saturating_add(1));
        match mode.as_str() {
            "malformed" => Err(Failure::Malformed("the fixture was told so".to_owned())),
            "unable" => Err(Failure::Unable("the fixture was told so".to_owned())),
            "escapes" => Err(Failure::Unable(ESCAPES.to_owned())),
            "too-much" => Ok(vec![0; TOO_MANY_BYTES]),
            "count" => Ok(vec![ANSWERED.get()]),
            _ => Ok(payload),
        }
    }
}

fn mode() -> String {
    settings::get("mode").unwrap_or_default()
}

fn write(line: &str) {
    log::write(log::Level::Info, line);
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
