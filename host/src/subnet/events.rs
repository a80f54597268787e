//! What a node lets its operator count.
//!
//! A role, the chain or the plugin engine says that something happened by
//! [`Observer::observe`]; it neither waits nor fails. `metrics` turns events
//! into Prometheus series and into readiness, [`Unobserved`] drops them. An
//! event holds numbers and words from closed sets only: a label that a peer or
//! a plugin could choose would let strangers fill the operator's memory.

use std::time::Duration;

use super::BlockNumber;
use super::challenge::Answer;
use super::evidence::Ending;
use super::plugin::{PluginError, World};

/// Hears what happens. Called from hot paths: returns at once, never panics.
pub trait Observer: Send + Sync {
    /// Takes note of `event`.
    fn observe(&self, event: Event);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: Event) {}
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A validator sent the first task of a session.
    SessionBegan,
    /// A session ended.
    SessionEnded {
        /// How.
        kind: EndingKind,
        /// From its first task to its end.
        elapsed: Duration,
    },
    /// A task came back, or did not.
    TaskAnswered {
        /// What came of it.
        kind: AnswerKind,
        /// From the last byte sent to the last byte received.
        elapsed: Duration,
    },
    /// A miner answered a caller.
    RequestServed {
        /// How.
        kind: ServedKind,
        /// From the first byte received to the last byte sent.
        elapsed: Duration,
    },
    /// A plugin was called.
    PluginCalled {
        /// Which kind of plugin.
        world: World,
        /// How it went.
        kind: CallKind,
        /// Fuel burned; zero in worlds that are stopped by time.
        fuel: u64,
        /// The most memory its store held.
        memory_bytes: u64,
        /// Wall clock, queueing included.
        elapsed: Duration,
    },
    /// Somebody offered a plugin for an active one's place.
    PluginSwap {
        /// Which kind of plugin.
        world: World,
        /// What became of it.
        kind: SwapKind,
    },
    /// A new head of the chain.
    HeadSeen {
        /// Its height.
        number: BlockNumber,
        /// Blocks it is behind where the clock says the chain should be.
        lag_blocks: u64,
    },
    /// A call to a chain endpoint failed or ran past its deadline.
    RpcFailed,
    /// An epoch was given to the policy.
    EpochScored {
        /// Miners in the evidence.
        miners: usize,
        /// Miners with points.
        scored: usize,
    },
    /// The shadow policy scored an epoch beside the active one.
    ShadowScored {
        /// Weight it would move, in parts per million.
        moved_ppm: u64,
        /// Miners it would pay nothing that are paid.
        zeroed: usize,
        /// Miners it would pay that are paid nothing.
        raised: usize,
    },
    /// A rented machine was looked into, or was not.
    ProbeEnded {
        /// How.
        kind: EndingKind,
        /// From the order to the rental's end.
        elapsed: Duration,
    },
    /// Weights and how far they got.
    Weights {
        /// How far.
        kind: WeightsKind,
        /// When.
        block: BlockNumber,
    },
    /// How many rentals are in a phase.
    Rentals {
        /// One of [`Phase::LIVE`](super::rental::Phase::LIVE).
        phase: &'static str,
        /// How many.
        count: u64,
    },
    /// What the last day's rentals cost or may cost the operator.
    RentalSpend {
        /// Millionths of a US dollar.
        day_micro_usd: u64,
    },
    /// Something that is paid for could not be ended yet.
    TerminateRetried,
    /// Instances that providers run and the ledger does not know.
    UnknownInstances {
        /// How many.
        count: usize,
    },
    /// A condition of readiness began or ceased to hold.
    Readiness {
        /// Which.
        condition: Condition,
        /// Whether it holds.
        met: bool,
    },
}

/// What a node needs before it is of use; `/readyz` names those that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// A head was seen lately; follows from [`Event::HeadSeen`], nobody sends it.
    Chain,
    /// The hotkey holds a slot in the subnet.
    Registered,
    /// The axon listens.
    AxonBound,
    /// The chain announces the axon's address.
    AxonAnnounced,
    /// The role's plugins are admitted.
    Plugins,
}

impl Condition {
    /// Whether only the chain can tell if it holds.
    pub fn is_on_chain(self) -> bool {
        matches!(self, Self::Registered | Self::AxonAnnounced)
    }
}

/// [`Ending`], for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndingKind {
    /// The generator was satisfied.
    Passed,
    /// The generator was not.
    Failed,
    /// It counts for nobody.
    Void,
}

impl From<&Ending> for EndingKind {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::Judged(verdict) if verdict.passed => Self::Passed,
            Ending::Judged(_) => Self::Failed,
            Ending::Void(_) => Self::Void,
        }
    }
}

/// [`Answer`], for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnswerKind {
    /// An answer.
    Payload,
    /// Nothing in time.
    TimedOut,
    /// The miner would not.
    Refused,
    /// No connection, or it broke off.
    Unreachable,
    /// Not by the protocol.
    BrokeProtocol,
    /// More than allowed.
    TooLarge,
    /// Serves another validator.
    Busy,
    /// Restarted since.
    Forgotten,
}

impl From<&Answer> for AnswerKind {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Payload(_) => Self::Payload,
            Answer::TimedOut => Self::TimedOut,
            Answer::Refused(_) => Self::Refused,
            Answer::Unreachable(_) => Self::Unreachable,
            Answer::BrokeProtocol(_) => Self::BrokeProtocol,
            Answer::TooLarge => Self::TooLarge,
            Answer::Busy(_) => Self::Busy,
            Answer::Forgotten => Self::Forgotten,
        }
    }
}

/// How a miner's axon answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServedKind {
    /// What was asked for.
    Answered,
    /// Another session has the machine.
    Busy,
    /// Not signed as it should be, replayed, or not by the protocol.
    Unverified,
    /// Verified, but not welcome.
    Forbidden,
    /// No such solver, a malformed task, or a session it does not know.
    Refused,
    /// The node's own fault.
    Failed,
}

/// How a plugin call went: `ok`, or [`PluginError::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKind(&'static str);

impl CallKind {
    /// It returned a value.
    pub const OK: Self = Self("ok");

    /// The word for metrics and JSON.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&PluginError> for CallKind {
    fn from(error: &PluginError) -> Self {
        Self(error.kind())
    }
}

/// What became of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SwapKind {
    /// It is active now.
    Swapped,
    /// The running one stays.
    Refused,
    /// It failed too often, and the one before it took its place.
    Demoted,
}

/// How far weights got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WeightsKind {
    /// In a block.
    Set,
    /// In a block as a commit, to be revealed later.
    Committed,
    /// Read back from storage.
    Confirmed,
    /// The chain, or the subnet's rules, said no.
    Refused,
    /// Committed, and the chain did not reveal them.
    Dropped,
    /// The guard holds the policy's, and older ones go out in their place.
    Held,
    /// There was nothing to set.
    Withheld,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_void_session_is_neither_passed_nor_failed() {
        assert_eq!(
            EndingKind::from(&Ending::Void("ours".into())),
            EndingKind::Void
        );
    }

    #[test]
    fn a_failed_call_is_counted_under_its_errors_own_word() {
        assert_eq!(
            CallKind::from(&PluginError::OutOfFuel(1)).as_str(),
            PluginError::OutOfFuel(1).kind()
        );
    }
}
