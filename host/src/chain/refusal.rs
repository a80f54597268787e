//! What the chain says no with, and what to do about it.
//!
//! A call is refused in two places: by the pool, before it is in a block, with
//! a JSON-RPC code and for subtensor's own checks a number; and in a block, by
//! the runtime, with an error it names in its metadata.

use super::link::CallError;
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

/// The numbers of subtensor's own checks, as runtime 461 has them.
const CUSTOM: [(u8, &str); 21] = [
    (0, "ColdkeyInSwapSchedule"),
    (1, "StakeAmountTooLow"),
    (2, "BalanceTooLow"),
    (3, "SubnetNotExists"),
    (4, "HotkeyAccountDoesntExist"),
    (5, "NotEnoughStakeToWithdraw"),
    (6, "RateLimitExceeded"),
    (7, "InsufficientLiquidity"),
    (8, "SlippageTooHigh"),
    (9, "TransferDisallowed"),
    (10, "HotKeyNotRegisteredInNetwork"),
    (11, "InvalidIpAddress"),
    (12, "ServingRateLimitExceeded"),
    (13, "InvalidPort"),
    (15, "InvalidRevealRound"),
    (16, "CommitNotFound"),
    (17, "CommitBlockNotInRevealRange"),
    (18, "InputLengthsUnequal"),
    (19, "UidNotFound"),
    (20, "EvmKeyAssociateRateLimitExceeded"),
    (255, "BadRequest"),
];

/// What to do, by the runtime's own name of the error.
const REMEDIES: &[(&str, &str)] = &[
    (
        "SettingWeightsTooFast",
        "Weights were set too recently; the node sets them again when the subnet's rate limit allows",
    ),
    (
        "RateLimitExceeded",
        "The call came too soon after the last one; wait for the subnet's rate limit",
    ),
    (
        "CommittingWeightsTooFast",
        "Weights were committed too recently; wait for the subnet's rate limit",
    ),
    (
        "ServingRateLimitExceeded",
        "The axon was announced too recently; wait for the subnet's serving rate limit and start again",
    ),
    (
        "NeuronNoValidatorPermit",
        "This hotkey may not set weights: it needs a validator permit, which the chain gives to the neurons with the most stake at the end of an epoch",
    ),
    (
        "NotEnoughStakeToSetWeights",
        "This hotkey has less stake than validators need; add stake with `btcli stake add`",
    ),
    (
        "StakeAmountTooLow",
        "This hotkey has less stake than validators need; add stake with `btcli stake add`",
    ),
    (
        "HotKeyNotRegisteredInSubNet",
        "This hotkey holds no slot in the subnet; register it with `host run --register` or `btcli subnets register`",
    ),
    (
        "HotKeyNotRegisteredInNetwork",
        "This hotkey holds no slot in the subnet; register it with `host run --register` or `btcli subnets register`",
    ),
    (
        "HotkeyAccountDoesntExist",
        "The chain does not know this hotkey; register it with `host run --register` or `btcli subnets register`",
    ),
    (
        "HotKeyAlreadyRegisteredInSubNet",
        "This hotkey holds a slot already; start without --register",
    ),
    (
        "HotKeyAlreadyRegistered",
        "This hotkey holds a slot already; start without --register",
    ),
    (
        "CommitRevealEnabled",
        "The subnet takes committed weights only, which this version cannot make; its owner can switch that off",
    ),
    (
        "IncorrectWeightVersionKey",
        "The subnet demands a newer version of the validator; update it",
    ),
    (
        "WeightVecLengthIsLow",
        "The subnet demands weights for more neurons than the policy scored; lower min_allowed_weights or score more miners",
    ),
    (
        "MaxWeightExceeded",
        "One neuron would get more weight than the subnet allows; the policy has to spread it",
    ),
    (
        "UidVecContainInvalidOne",
        "A neuron left the subnet meanwhile; the next metagraph no longer has it",
    ),
    (
        "UidNotFound",
        "A neuron left the subnet meanwhile; the next metagraph no longer has it",
    ),
    (
        "DuplicateUids",
        "The weights name a neuron twice, which is a fault of this program: please report it",
    ),
    (
        "InvalidIpAddress",
        "The chain does not take this address; announce a public one with --axon.external_ip, and on one machine 127.0.0.2 or above",
    ),
    (
        "InvalidIpType",
        "The chain does not take this address; announce a public one with --axon.external_ip",
    ),
    (
        "InvalidPort",
        "The chain does not take this port; choose one from 1 to 65535 with --axon.port",
    ),
    (
        "NotEnoughBalanceToStake",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "NotEnoughBalance",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "BalanceTooLow",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "FundsUnavailable",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "Payment",
        "The account cannot pay the fee; send TAO to it and try again",
    ),
    (
        "SubnetNotExists",
        "There is no such subnet on this chain; check --netuid and --subtensor.network",
    ),
    (
        "SubNetworkDoesNotExist",
        "There is no such subnet on this chain; check --netuid and --subtensor.network",
    ),
    (
        "MechanismDoesNotExist",
        "There is no such subnet on this chain; check --netuid and --subtensor.network",
    ),
    (
        "TooManyRegistrationsThisBlock",
        "Too many registered in this block; try again in the next one",
    ),
    (
        "TooManyRegistrationsThisInterval",
        "Too many registered in this interval; try again in some minutes",
    ),
    (
        "NoNeuronIdAvailable",
        "All slots are taken by neurons that cannot be replaced yet; try again later",
    ),
    (
        "RegistrationPriceLimitExceeded",
        "The price rose above the limit before the call was included; raise --register-limit-rao or wait",
    ),
    (
        "SubNetRegistrationDisabled",
        "The subnet takes no registrations now; ask its owner",
    ),
    (
        "RegistrationNotPermittedOnRootSubnet",
        "Subnet 0 is the root, where neurons register otherwise; check --netuid",
    ),
    (
        "ColdkeyInSwapSchedule",
        "The coldkey is about to be replaced and may do nothing else; use its successor",
    ),
    (
        "Stale",
        "Another program used this key's nonce; make sure that only one node runs with this hotkey, and try again",
    ),
    (
        "Future",
        "The node has not seen an earlier call of this key; try again in the next block",
    ),
    (
        "BadProof",
        "The signature does not fit the chain; if its runtime was just upgraded, try again",
    ),
    ("AncientBirthBlock", "The call waited too long; try again"),
    (
        "PriorityTooLow",
        "Another call with this key's nonce is waiting; make sure that only one node runs with this hotkey, and try again in the next block",
    ),
    (
        "TemporarilyBanned",
        "The same call was invalid moments ago; try again in some minutes, or through another endpoint",
    ),
    (
        "PoolFull",
        "The node's pool is full; try again in some blocks, or through another endpoint",
    ),
    (
        "CallFiltered",
        "The chain does not take this call at present; try again later",
    ),
];

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

    /// A misspelt name would never match: each is an error of a runtime, or the pool's.
    #[test]
    fn every_remedy_is_for_an_error_that_exists() {
        let runtimes = [
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
        ];
        for (name, remedy) in REMEDIES {
            let known = runtimes.iter().any(|runtime| runtime.has_error(name))
                || CUSTOM.iter().any(|(_, custom)| custom == name)
                || pool.contains(name);
            assert!(known, "{name}");
            assert!(!remedy.ends_with('.'), "{remedy}");
        }
    }
}
