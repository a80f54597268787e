//! What the chain says no with, and what to do about it.
//!
//! A call is refused in two places: by the pool, before it is in a block, with
//! a JSON-RPC code and for subtensor's own checks a number; and in a block, by
//! the runtime, with an error it names in its metadata.

use super::link::CallError;
use super::remedies::{CUSTOM, REMEDIES};
use crate::subnet::chain::ChainError;
use crate::subnet::text::escape;

/// The pool's code for an extrinsic that is not valid.
const INVALID: i32 = 1010;
/// It is banned for a while, having been invalid before.
const BANNED: i32 = 1012;
/// The pool has it already.
const IMPORTED: i32 = 1013;
/// Another one with the same nonce is in the pool.
const PRIORITY: i32 = 1014;
/// The pool is full.
const FULL: i32 = 1016;

/// A refusal by name, with its remedy.
pub(super) fn named(name: impl Into<String>) -> ChainError {
    let name = name.into();
    let remedy = REMEDIES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("Look the name up in subtensor's errors", |(_, remedy)| {
            remedy
        });
    ChainError::Refused {
        name,
        remedy: remedy.to_owned(),
    }
}

/// What a failed submission means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Submission {
    /// It may be in the pool or in a block: look.
    Perhaps,
    /// It is not, and will not be.
    Refused(ChainError),
}

/// Reads the pool's answer.
pub(super) fn submission(error: CallError) -> Submission {
    let (code, message, data) = match error {
        CallError::Lost(_) => return Submission::Perhaps,
        CallError::Nonsense(reason) => return Submission::Refused(ChainError::Nonsense(reason)),
        CallError::Refused {
            code,
            message,
            data,
        } => (code, message, data),
    };
    Submission::Refused(match code {
        IMPORTED => return Submission::Perhaps,
        INVALID => named(invalid(&data).unwrap_or_else(|| escape(&message))),
        BANNED => named("TemporarilyBanned"),
        PRIORITY => named("PriorityTooLow"),
        FULL => named("PoolFull"),
        code => named(escape(&format!("error {code}: {message} {data}"))),
    })
}

/// The node has this extrinsic's nonce behind it: maybe by the extrinsic itself.
pub(super) fn is_stale(error: &ChainError) -> bool {
    matches!(error, ChainError::Refused { name, .. } if name == "Stale")
}

/// What was signed is for a runtime that is no more.
pub(super) fn is_outdated(error: &ChainError) -> bool {
    matches!(error, ChainError::Refused { name, .. } if name == "BadProof")
}

/// Another nonce, a younger birth block or a newer runtime may do; and since the
/// pool refused it, the call as it was will not come into a block.
pub(super) fn is_mended_by_signing(error: &ChainError) -> bool {
    const MENDED: [&str; 4] = ["Stale", "PriorityTooLow", "BadProof", "AncientBirthBlock"];
    matches!(error, ChainError::Refused { name, .. } if MENDED.contains(&name.as_str()))
}

/// The name behind code 1010: `Custom error: N`, or Substrate's own text.
fn invalid(data: &str) -> Option<String> {
    if let Some((_, number)) = data.split_once("Custom error: ") {
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let number: u8 = digits.parse().ok()?;
        let known = CUSTOM.iter().find(|(custom, _)| *custom == number);
        return Some(known.map_or_else(
            || format!("Custom error {number}"),
            |(_, name)| (*name).to_owned(),
        ));
    }
    [
        ("outdated", "Stale"),
        ("will be valid in the future", "Future"),
        ("bad signature", "BadProof"),
        ("ancient birth block", "AncientBirthBlock"),
        ("Inability to pay", "Payment"),
        ("not expected", "CallFiltered"),
        ("exhaust the resources", "ExhaustsResources"),
    ]
    .into_iter()
    .find_map(|(text, name)| data.contains(text).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn pool(code: i32, data: &str) -> Submission {
        submission(CallError::Refused {
            code,
            message: "Invalid Transaction".to_owned(),
            data: data.to_owned(),
        })
    }

    fn name(submission: Submission) -> String {
        match submission {
            Submission::Refused(ChainError::Refused { name, .. }) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_pool_s_numbers_have_names_and_remedies() {
        assert_eq!(name(pool(1010, "\"Custom error: 6\"")), "RateLimitExceeded");
        assert_eq!(name(pool(1010, "\"Custom error: 11\"")), "InvalidIpAddress");
        assert_eq!(name(pool(1010, "\"Custom error: 99\"")), "Custom error 99");
        assert_eq!(
            name(pool(1010, "\"Custom error: 9999\"")),
            "Invalid Transaction"
        );
        assert_eq!(name(pool(1010, "\"Transaction is outdated\"")), "Stale");
        assert_eq!(
            name(pool(1010, "\"Transaction has a bad signature\"")),
            "BadProof"
        );
        assert_eq!(name(pool(1014, "")), "PriorityTooLow");
        assert!(name(pool(-7, "x\u{1b}[2J")).contains("error -7"));
    }

    #[test]
    fn what_may_have_arrived_is_looked_for() {
        assert_eq!(pool(1013, ""), Submission::Perhaps);
        assert_eq!(
            submission(CallError::Lost("cut".to_owned())),
            Submission::Perhaps
        );
    }

    #[test]
    fn every_check_that_weights_and_axons_meet_has_a_remedy() {
        let unknown = named("NoSuchError");
        for (number, name) in CUSTOM {
            let data = format!("Custom error: {number}");
            let Submission::Refused(told) = pool(1010, &data) else {
                panic!("{name}");
            };
            assert_eq!(told, named(name));
            assert_ne!(remedy(told), remedy(unknown.clone()), "{name}");
        }
        for name in [
            "HotKeyNotRegisteredInSubNet",
            "NotEnoughStakeToSetWeights",
            "NeuronNoValidatorPermit",
            "DuplicateUids",
            "UidVecContainInvalidOne",
            "WeightVecLengthIsLow",
            "MaxWeightExceeded",
            "SettingWeightsTooFast",
            "IncorrectWeightVersionKey",
            "ServingRateLimitExceeded",
            "CommitRevealEnabled",
            "CommitRevealDisabled",
            "TooManyUnrevealedCommits",
            "ExpiredWeightCommit",
            "RevealTooEarly",
            "CommittingWeightsTooFast",
            "IncorrectCommitRevealVersion",
        ] {
            assert_ne!(remedy(named(name)), remedy(unknown.clone()), "{name}");
        }
    }

    fn remedy(error: ChainError) -> String {
        match error {
            ChainError::Refused { remedy, .. } => remedy,
            other => panic!("{other}"),
        }
    }

    /// A misspelt name would never match: each is an error of a runtime, or the pool's.
    #[test]
    fn every_remedy_is_for_an_error_that_exists() {
        let runtimes = [
            crate::chain::testing::spec365(),
            crate::chain::testing::spec393(),
            crate::chain::testing::spec461([0; 32]),
        ];
        let pool = [
            "Payment",
            "Stale",
            "Future",
            "BadProof",
            "AncientBirthBlock",
            "PriorityTooLow",
            "TemporarilyBanned",
            "PoolFull",
            "FundsUnavailable",
            "CallFiltered",
        ];
        let mut unknown = Vec::new();
        for (name, remedy) in REMEDIES {
            let known = runtimes.iter().any(|runtime| runtime.has_error(name))
                || CUSTOM.iter().any(|(_, custom)| custom == name)
                || pool.contains(name);
            if !known {
                unknown.push(name);
            }
            assert!(!remedy.ends_with('.'), "{remedy}");
        }
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
