//! Scoring policy `score-compute`: pays for throughput that was proven, not claimed.
//!
//! For each miner, over the newest finding of each of its machines:
//!
//! ```text
//! proven    = sum of proven-mops of the machines that passed lately
//! amount    = curve(proven)                       linear, sqrt or flat; nothing below floor-mops
//! cheapness = reference / price asked, at most 1  averaged over machines by proven-mops
//! now       = amount * (1 - wa + wa * availability) * (1 - wp + wp * cheapness)
//! points    = now * (1 - s^e) + before * s^e
//! ```
//!
//! with wa, wp and s from the settings ([`settings`]), e the epochs since this
//! validator last scored, and `before` the miner's share of last epoch's points
//! in today's unit, so that a swap from a policy that counts in another unit
//! does no harm.
//!
//! A machine whose newest finding failed earns nothing and takes away what the
//! miner would carry over; a miner with no other machine gets zero. Silence
//! (no finding lately, or a first task that went unanswered) is not a lie: what
//! was earned before fades by s each epoch. See [`standing`].
//!
//! Integers throughout, rounded down, and saturating: no miner's odd data can
//! cost the others their epoch. Which miner comes first does not matter.

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "scoring-policy",
    });
}

pub mod policy;
mod reason;
pub mod settings;
pub mod standing;
#[cfg(test)]
mod tests;

use bindings::{
    compute::subnet::settings as host,
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        scoring::{Epoch, Guest as Scoring, Miner, Outcome},
    },
};
use settings::Settings;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "score-compute".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "pays for proven throughput".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        Settings::read(&host::all()).map(|_| ())
    }
}

impl Scoring for Component {
    fn evaluate(epoch: Epoch, miners: Vec<Miner>, _memory: Vec<u8>) -> Result<Outcome, String> {
        let settings = Settings::read(&host::all())?;
        Ok(Outcome {
            scores: policy::evaluate(&settings, &epoch, &miners),
            memory: Vec::new(),
        })
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
