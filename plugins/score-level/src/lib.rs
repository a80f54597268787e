//! Scoring policy `score-level`: pays every miner alike that answers and whose
//! newest challenge passed; a probe (`ssh-probe`) is mentioned and pays nothing.
//!
//! The other extreme of `score-compute`, for trying out what a policy changes. Its one
//! setting, `curve`, is `equal` (the default) or `sqrt`, which pays by the
//! square root of the `proven-mops` of that finding.

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "scoring-policy",
    });
}

use bindings::{
    compute::subnet::settings as host,
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        scoring::{Epoch, Finding, Guest as Scoring, Miner, Outcome, Score},
    },
};
use plugin_settings::Table;

/// What `equal` pays.
const EQUAL_POINTS: u64 = 1_000;

#[derive(Clone, Copy)]
enum Curve {
    Equal,
    SquareRoot,
}

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "score-level".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "pays every miner alike that passed its newest challenge".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        curve(&host::all()).map(|_| ())
    }
}

impl Scoring for Component {
    fn evaluate(_epoch: Epoch, miners: Vec<Miner>, _memory: Vec<u8>) -> Result<Outcome, String> {
        let curve = curve(&host::all())?;
        Ok(Outcome {
            scores: miners.iter().map(|miner| score(curve, miner)).collect(),
            memory: Vec::new(),
        })
    }
}

fn curve(pairs: &[(String, String)]) -> Result<Curve, String> {
    let choices = [("equal", Curve::Equal), ("sqrt", Curve::SquareRoot)];
    Table::new(pairs, &["curve"])?.choice("curve", &choices)
}

/// A validator's own look into a machine that it rented.
const PROBE: &str = "ssh-probe";

fn score(curve: Curve, miner: &Miner) -> Score {
    let is_probe = |finding: &&Finding| finding.challenge == PROBE;
    let newest = miner.findings.iter().find(|finding| !is_probe(finding));
    let (points, mut reason) = match newest {
        None => (0, "nothing yet: not challenged so far".to_owned()),
        Some(_) if miner.availability_permille == 0 => (
            0,
            "nothing: silent since the last epoch; check that the axon can be reached".to_owned(),
        ),
        Some(newest) if !newest.passed => (
            0,
            format!(
                "nothing: the challenge at block {} was failed",
                newest.block
            ),
        ),
        Some(newest) => (
            points(curve, newest),
            format!("passed at block {}; {}", newest.block, rule(curve)),
        ),
    };
    if let Some(probe) = miner.findings.iter().find(is_probe) {
        let seen = if probe.passed { "let" } else { "did not let" };
        reason += &format!(
            "; rented at block {}, it {seen} the validator in",
            probe.block
        );
    }
    Score {
        uid: miner.uid,
        points,
        reason,
    }
}

fn points(curve: Curve, finding: &Finding) -> u64 {
    match curve {
        Curve::Equal => EQUAL_POINTS,
        Curve::SquareRoot => finding
            .metrics
            .iter()
            .find(|metric| metric.name == "proven-mops")
            .and_then(|metric| u64::try_from(metric.value).ok())
            .map_or(0, u64::isqrt),
    }
}

fn rule(curve: Curve) -> &'static str {
    match curve {
        Curve::Equal => "everybody who passes is paid alike",
        Curve::SquareRoot => "paid by the square root of what was proven",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bindings::compute::subnet::types::Metric;

    fn miner(uid: u16, newest: Option<(bool, i64)>) -> Miner {
        let findings = newest.map(|(passed, mops)| Finding {
            challenge: "challenge-matmul".to_owned(),
            machine: String::new(),
            block: 9,
            passed,
            grade_permille: 0,
            proven: None,
            metrics: vec![Metric {
                name: "proven-mops".to_owned(),
                value: mops,
            }],
        });
        Miner {
            uid,
            hotkey: String::new(),
            coldkey: String::new(),
            registered_at: 0,
            address: None,
            machines: Vec::new(),
            findings: findings.into_iter().collect(),
            availability_permille: 1000,
            previous_points: 0,
            metrics: Vec::new(),
        }
    }

    #[test]
    fn whoever_passed_is_paid_alike_and_nobody_else() {
        assert_eq!(
            score(Curve::Equal, &miner(1, Some((true, 900)))).points,
            1_000
        );
        assert_eq!(
            score(Curve::Equal, &miner(2, Some((true, 1)))).points,
            1_000
        );
        assert_eq!(score(Curve::Equal, &miner(3, Some((false, 900)))).points, 0);
        assert_eq!(score(Curve::Equal, &miner(4, None)).points, 0);
    }

    #[test]
    fn a_probe_is_mentioned_and_pays_nothing() {
        let mut probed = miner(1, Some((true, 900)));
        let probe = Finding {
            challenge: PROBE.to_owned(),
            passed: false,
            ..probed.findings[0].clone()
        };
        probed.findings.insert(0, probe);
        let scored = score(Curve::Equal, &probed);
        assert_eq!(scored.points, 1_000);
        assert!(scored.reason.ends_with("it did not let the validator in"));
    }

    #[test]
    fn a_miner_that_fell_silent_is_paid_nothing_for_what_it_once_proved() {
        let silent = Miner {
            availability_permille: 0,
            ..miner(1, Some((true, 900)))
        };
        assert_eq!(score(Curve::Equal, &silent).points, 0);
    }

    #[test]
    fn the_square_root_pays_the_faster_one_more_but_not_as_much_more() {
        assert_eq!(
            score(Curve::SquareRoot, &miner(1, Some((true, 400)))).points,
            20
        );
        assert_eq!(
            score(Curve::SquareRoot, &miner(2, Some((true, 100)))).points,
            10
        );
        assert_eq!(
            score(Curve::SquareRoot, &miner(3, Some((true, -5)))).points,
            0
        );
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
