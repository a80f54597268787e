//! The smallest scoring policy: a point for every challenge a miner passed.
//!
//! Copy this folder anywhere, make it yours, and:
//!
//! ```sh
//! # build it, either way (the second puts the same file there)
//! cargo build --release --target wasm32-wasip2
//! cargo component build --release --target wasm32-wasip2
//!
//! # its own tests, and one call of it outside a node: result, fuel, memory
//! cargo test
//! host plugin run target/wasm32-wasip2/release/hello_policy.wasm --input cases/first.json
//!
//! # see which policy the running validator scores with
//! host plugin list
//!
//! # put yours in its place; it is checked from end to end first, and whatever
//! # fails, the old one stays and you read why
//! host plugin swap score-compute target/wasm32-wasip2/release/hello_policy.wasm --pin
//! ```
//!
//! `wit/` is a copy of the contract, whose comments say what every function is
//! asked for and what the host does with the answer. Two things to know:
//! nothing here may depend on a clock, chance or the order of a hash table
//! (the host holds them still), and only ratios of points matter.

wit_bindgen::generate!({ path: "wit", world: "scoring-policy" });

use exports::compute::subnet::{
    plugin::{Description, Guest as Plugin},
    scoring::{Epoch, Guest as Scoring, Miner, Outcome, Score},
};

struct HelloPolicy;

impl Plugin for HelloPolicy {
    fn describe() -> Description {
        Description {
            name: "hello-policy".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "a point for every passed challenge".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        Ok(())
    }
}

impl Scoring for HelloPolicy {
    fn evaluate(_epoch: Epoch, miners: Vec<Miner>, _memory: Vec<u8>) -> Result<Outcome, String> {
        Ok(Outcome {
            scores: miners.iter().map(score).collect(),
            memory: Vec::new(),
        })
    }
}

fn score(miner: &Miner) -> Score {
    let passed = miner.findings.iter().filter(|finding| finding.passed);
    let points = passed.count() as u64;
    Score {
        uid: miner.uid,
        points,
        reason: format!("{points} of {} challenges passed", miner.findings.len()),
    }
}

export!(HelloPolicy);

#[cfg(test)]
mod tests {
    use super::*;
    use exports::compute::subnet::scoring::Finding;

    fn finding(passed: bool) -> Finding {
        Finding {
            challenge: "any".to_owned(),
            machine: String::new(),
            block: 1,
            passed,
            grade_permille: 0,
            proven: None,
            metrics: Vec::new(),
        }
    }

    #[test]
    fn a_point_for_every_passed_challenge() {
        let miner = Miner {
            uid: 7,
            hotkey: String::new(),
            coldkey: String::new(),
            registered_at: 1,
            address: None,
            machines: Vec::new(),
            findings: vec![finding(true), finding(false), finding(true)],
            availability_permille: 1000,
            previous_points: 0,
            metrics: Vec::new(),
        };
        assert_eq!(score(&miner).points, 2);
    }
}
