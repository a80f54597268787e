//! The words that labels are made of: closed sets, each in one place.

use crate::subnet::events::{AnswerKind, Condition, EndingKind, ServedKind, SwapKind, WeightsKind};
use crate::subnet::plugin::World;

pub(super) fn ending(kind: EndingKind) -> &'static str {
    match kind {
        EndingKind::Passed => "passed",
        EndingKind::Failed => "failed",
        EndingKind::Void => "void",
    }
}

pub(super) fn answer(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Payload => "payload",
        AnswerKind::TimedOut => "timed-out",
        AnswerKind::Refused => "refused",
        AnswerKind::Unreachable => "unreachable",
        AnswerKind::BrokeProtocol => "broke-protocol",
        AnswerKind::TooLarge => "too-large",
        AnswerKind::Busy => "busy",
        AnswerKind::Forgotten => "forgotten",
    }
}

pub(super) fn served(kind: ServedKind) -> &'static str {
    match kind {
        ServedKind::Answered => "answered",
        ServedKind::Busy => "busy",
        ServedKind::Unverified => "unverified",
        ServedKind::Forbidden => "forbidden",
        ServedKind::Refused => "refused",
        ServedKind::Failed => "failed",
    }
}

pub(super) fn world(world: World) -> &'static str {
    match world {
        World::ScoringPolicy => "scoring-policy",
        World::ChallengeGenerator => "challenge-generator",
        World::ChallengeSolver => "challenge-solver",
        World::ProviderAdapter => "provider-adapter",
    }
}

pub(super) fn swap(kind: SwapKind) -> &'static str {
    match kind {
        SwapKind::Swapped => "swapped",
        SwapKind::Refused => "refused",
        SwapKind::Demoted => "demoted",
    }
}

pub(super) fn weights(kind: WeightsKind) -> &'static str {
    match kind {
        WeightsKind::Set => "set",
        WeightsKind::Committed => "committed",
        WeightsKind::Confirmed => "confirmed",
        WeightsKind::Refused => "refused",
        WeightsKind::Dropped => "dropped",
        WeightsKind::Held => "held",
        WeightsKind::Withheld => "withheld",
    }
}

pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Chain => "chain",
        Condition::Registered => "registered",
        Condition::AxonBound => "axon-bound",
        Condition::AxonAnnounced => "axon-announced",
        Condition::Plugins => "plugins",
    }
}

/// What to look at while a condition does not hold.
pub(super) fn remedy(condition: Condition) -> &'static str {
    match condition {
        Condition::Chain => "no new block was seen lately: is the chain endpoint reachable?",
        Condition::Registered => {
            "the hotkey has no slot in the subnet: `host subnet register`, or `--register` on a miner"
        }
        Condition::AxonBound => "the axon does not listen yet",
        Condition::AxonAnnounced => "the chain does not announce this axon's address yet",
        Condition::Plugins => {
            "the role's plugins are not admitted yet: `host plugin list` says why"
        }
    }
}
