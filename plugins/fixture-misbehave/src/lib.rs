//! A scoring policy that misbehaves as its setting `mode` says; for tests.
//!
//! Beside the modes of [`fixture_modes`], in `evaluate`:
//!
//! | mode | answer |
//! |------|--------|
//! | `ok` | one point for every miner |
//! | `error` | an error |
//! | `error-huge` | an error of 32 MiB |
//! | `too-much` | a memory of 32 MiB |
//! | `many-scores` | a million scores |
//! | `unknown-uid` | a score for uid 65535 |
//! | `duplicate-uid` | every miner twice |
//! | `huge-reason` | reasons of 1 MiB |
//! | `escapes` | reasons with terminal escapes in them |
//! | `ambient` | reasons that tell the clock, random bytes and hash order |
//! | `zero` | no points for anybody |
//! | `everything-to-one` | the most points there are for the first miner, none for the rest |
//! | `none` | no scores |
//! | `memory` | counts its epochs in `memory`, and gives as many points |

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "scoring-policy",
    });
}

use bindings::{
    compute::subnet::{log, settings},
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        scoring::{Epoch, Guest as Scoring, Miner, Outcome, Score},
    },
};
use fixture_modes::{ESCAPES, TOO_MANY_BYTES};

const MANY_SCORES: usize = 1_000_000;
const HUGE_REASON_BYTES: usize = 1 << 20;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: fixture_modes::name(&mode(), "misbehave", write),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "misbehaves as it is told; for tests".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        fixture_modes::check_settings(&mode(), write)
    }
}

impl Scoring for Component {
    fn evaluate(_epoch: Epoch, miners: Vec<Miner>, memory: Vec<u8>) -> Result<Outcome, String> {
        let mode = mode();
        fixture_modes::misbehave(&mode, write);
        match mode.as_str() {
            "error" => return Err("the fixture was told to fail".to_owned()),
            "error-huge" => return Err("x".repeat(TOO_MANY_BYTES)),
            _ => {}
        }
        let epochs = memory.first().copied().unwrap_or(0).saturating_add(1);
        let scores = scores(&mode, &miners, epochs);
        let memory = match mode.as_str() {
            "too-much" => vec![0; TOO_MANY_BYTES],
            "memory" => vec![epochs],
            _ => Vec::new(),
        };
        Ok(Outcome { scores, memory })
    }
}

fn scores(mode: &str, miners: &[Miner], epochs: u8) -> Vec<Score> {
    let points = |index: usize| match mode {
        "zero" => 0,
        "everything-to-one" if index == 0 => u64::MAX,
        "everything-to-one" => 0,
        "memory" => u64::from(epochs),
        _ => 1,
    };
    let mut scores: Vec<Score> = miners
        .iter()
        .enumerate()
        .map(|(index, miner)| Score {
            uid: miner.uid,
            points: points(index),
            reason: reason(mode),
        })
        .collect();
    match mode {
        "none" => scores.clear(),
        "duplicate-uid" => scores.extend_from_within(..),
        "unknown-uid" => scores.push(stray()),
        "many-scores" => scores.resize_with(MANY_SCORES, stray),
        _ => {}
    }
    scores
}

fn stray() -> Score {
    Score {
        uid: u16::MAX,
        points: 1,
        reason: String::new(),
    }
}

fn reason(mode: &str) -> String {
    match mode {
        "huge-reason" => "x".repeat(HUGE_REASON_BYTES),
        "escapes" => ESCAPES.to_owned(),
        "ambient" => fixture_modes::ambient(),
        _ => "behaved".to_owned(),
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
