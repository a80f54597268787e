//! What is made of a probe.
//!
//! | what happened | is |
//! |---|---|
//! | somebody got in | a pass, graded by what was shown against what was claimed |
//! | it was let to this validator and nobody got in | a failure |
//! | the miner says that it is let to somebody else | neither, but it tells that it is let |
//! | the miner refuses, is too busy to look, or the provider has none left | void |
//! | the miner, or every machine, is out of reach | void |
//!
//! A refusal is void because miners let on their own terms, and because a machine
//! that is never let never passes either: a policy that pays for passes pays it
//! nothing.

use std::time::Duration;

use crate::subnet::hardware::{Gpu, Hardware, Metric};
use crate::subnet::probe::{ProbeEnding, ProbeRecord, SSH_PROBE, Seen};
use crate::subnet::rental::{Lease, RentError};
use crate::subnet::scoring::Finding;
use crate::subnet::wire::RentFailure;

use super::rental::Times;

/// Fewer machines than this say nothing about whose fault it is.
pub(super) const BLAME_MACHINES_MIN: usize = 3;
pub(super) const OUR_NETWORK: &str =
    "not reached by SSH, which may be the fault of the validator's network";
pub(super) const NOBODY_REACHED: &str = "neither the machine nor its miner could be reached";
pub(super) const NEVER_RUNNING: &str =
    "it was let, and in time said neither where to log in nor which host key is there";
pub(super) const DENIED: &str = "it was let, and its miner no longer knows of it";

/// A miner that did not let its machine.
pub(super) fn refused(failure: &RentFailure) -> ProbeEnding {
    match failure {
        RentFailure::Said(RentError::Full(_)) => ProbeEnding::Let,
        other => ProbeEnding::Void(other.to_string()),
    }
}

/// A rental that came to nothing at its provider.
pub(super) fn not_bought(lease: &Lease) -> ProbeEnding {
    let why = lease.reason.as_deref().unwrap_or("no reason given");
    ProbeEnding::Void(format!("the rental was refused: {why}"))
}

/// Why a rental that is over before its time has failed.
pub(super) fn ended_early(lease: &Lease) -> String {
    let why = lease.reason.as_deref().unwrap_or("no reason given");
    format!("it was let, and ended before anybody got in: {why}")
}

/// A machine that was let to this validator, and that nobody got into.
pub(super) fn failed(record: &ProbeRecord, why: &str) -> ProbeEnding {
    ProbeEnding::Judged {
        finding: finding(record, false, 0),
        reason: why.to_owned(),
    }
}

/// A machine that somebody got into.
pub(super) fn passed(
    record: &ProbeRecord,
    claimed: &Hardware,
    seen: &Seen,
    times: &Times,
) -> ProbeEnding {
    let grade = grade_permille(claimed, &seen.hardware);
    let reason = format!(
        "logged in {} ms after the order; it shows {} threads and {} MiB of {} and {} claimed",
        millis(times.login),
        seen.hardware.cpu_threads,
        seen.hardware.memory_mib,
        claimed.cpu_threads,
        claimed.memory_mib,
    );
    let metric = |name: &str, value: i64| Metric {
        name: name.to_owned(),
        value,
    };
    ProbeEnding::Judged {
        finding: Finding {
            proven: Some(seen.hardware.clone()),
            metrics: vec![
                metric("ssh-connect-ms", millis(seen.connect)),
                metric("ssh-login-ms", millis(seen.login)),
                metric("rent-to-running-ms", millis(times.running)),
                metric("rent-to-login-ms", millis(times.login)),
            ],
            ..finding(record, true, grade)
        },
        reason,
    }
}

fn finding(record: &ProbeRecord, passed: bool, grade_permille: u16) -> Finding {
    Finding {
        challenge: SSH_PROBE.to_owned(),
        machine: record.machine.clone(),
        block: record.block,
        passed,
        grade_permille,
        proven: None,
        metrics: Vec::new(),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The least share of anything claimed that was shown: threads, memory, cards of
/// each model and their memory.
fn grade_permille(claimed: &Hardware, seen: &Hardware) -> u16 {
    let cards = claimed.gpus.iter().map(|claim| cards_permille(claim, seen));
    let threads = permille(seen.cpu_threads.into(), claimed.cpu_threads.into());
    let memory = permille(seen.memory_mib, claimed.memory_mib);
    cards.chain([threads, memory]).min().unwrap_or(0)
}

fn cards_permille(claim: &Gpu, seen: &Hardware) -> u16 {
    let alike = seen.gpus.iter().filter(|gpu| gpu.model == claim.model);
    let count: u64 = alike.clone().map(|gpu| u64::from(gpu.count)).sum();
    let memory_mib = alike.map(|gpu| gpu.memory_mib).min().unwrap_or(0);
    permille(count, claim.count.into()).min(permille(memory_mib, claim.memory_mib))
}

/// What was not claimed was shown in full.
fn permille(part: u64, whole: u64) -> u16 {
    let share = u128::from(part.min(whole)) * 1_000;
    let permille = share.checked_div(u128::from(whole)).unwrap_or(1_000);
    u16::try_from(permille).expect("a share is at most 1000 permille")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::wire::PeerError;

    fn hardware(cpu_threads: u32, memory_mib: u64, cards: u32) -> Hardware {
        let gpu = Gpu {
            model: "NVIDIA H100".to_owned(),
            count: cards,
            memory_mib: 80_000,
            uuids: Vec::new(),
        };
        Hardware {
            gpus: (cards > 0).then_some(gpu).into_iter().collect(),
            cpu_threads,
            memory_mib,
            ..Hardware::default()
        }
    }

    #[test]
    fn only_a_miner_that_says_so_has_let_its_machine() {
        assert_eq!(
            refused(&RentError::Full("it is let".to_owned()).into()),
            ProbeEnding::Let
        );
        for other in [
            RentFailure::NotServed("busy for 1000 ms".to_owned()),
            RentError::Busy(1_000).into(),
            RentError::Forbidden("it lets no more machines at once".to_owned()).into(),
            RentError::NoSuchMachine("gone".to_owned()).into(),
            PeerError::TimedOut(1_000).into(),
        ] {
            let ending = refused(&other);
            assert!(matches!(ending, ProbeEnding::Void(_)), "{other}");
        }
    }

    #[test]
    fn the_grade_is_the_least_share_of_what_was_claimed() {
        let claimed = hardware(8, 1_000, 2);
        let grade = |seen| grade_permille(&claimed, &seen);
        assert_eq!(grade(hardware(8, 1_000, 2)), 1_000);
        assert_eq!(grade(hardware(99, 9_999, 9)), 1_000);
        assert_eq!(grade(hardware(8, 250, 2)), 250);
        assert_eq!(grade(hardware(4, 1_000, 2)), 500);
        assert_eq!(grade(hardware(8, 1_000, 1)), 500);
        assert_eq!(grade(hardware(8, 1_000, 0)), 0);
    }

    #[test]
    fn absurd_claims_are_graded_without_a_panic() {
        let mut claimed = hardware(u32::MAX, u64::MAX, u32::MAX);
        claimed.gpus.push(Gpu {
            model: String::new(),
            count: 0,
            memory_mib: 0,
            uuids: Vec::new(),
        });
        assert_eq!(grade_permille(&claimed, &hardware(1, 1, 0)), 0);
        assert_eq!(grade_permille(&claimed, &claimed), 1_000);
        assert_eq!(grade_permille(&Hardware::default(), &claimed), 1_000);
    }
}
