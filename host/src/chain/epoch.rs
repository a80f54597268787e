//! When a subnet's epoch ends.
//!
//! Newer runtimes count epochs in storage and can move them
//! ([`Schedule::Counted`]); older ones derive them from the block's number
//! ([`Schedule::Derived`]).

use crate::subnet::{BlockNumber, Netuid};

/// An epoch that is overdue by this many blocks runs whatever the tempo says.
const OVERDUE_BLOCKS: u64 = 50_400;

/// What the chain knows about a subnet's epochs at one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// As runtimes since about spec 420 keep it.
    Counted {
        /// `SubnetEpochIndex`.
        index: u64,
        /// `LastEpochBlock`.
        last_epoch_block: BlockNumber,
        /// `PendingEpochAt`; zero if none is pending.
        pending_epoch_at: BlockNumber,
        /// `BlocksSinceLastStep`.
        blocks_since_last_step: u64,
    },
    /// By the block's number alone.
    Derived,
}

/// The current epoch, and the block that ends it; none if `tempo` is zero.
pub(super) fn current(
    schedule: Schedule,
    netuid: Netuid,
    tempo: u16,
    block: BlockNumber,
) -> (u64, Option<BlockNumber>) {
    match schedule {
        Schedule::Counted {
            index,
            last_epoch_block,
            pending_epoch_at,
            blocks_since_last_step,
        } => {
            let overdue = (OVERDUE_BLOCKS + 1).saturating_sub(blocks_since_last_step);
            let by_tempo = last_epoch_block.saturating_add(u64::from(tempo));
            let by_owner = match pending_epoch_at {
                0 => BlockNumber::MAX,
                pending => pending,
            };
            let next = by_tempo
                .min(by_owner)
                .min(block.saturating_add(overdue))
                .max(block.saturating_add(1));
            (index, (tempo > 0).then_some(next))
        }
        Schedule::Derived => derived(netuid, tempo, block),
    }
}

/// An epoch runs where `(block + netuid + 1) % (tempo + 1) == tempo`.
fn derived(netuid: Netuid, tempo: u16, block: BlockNumber) -> (u64, Option<BlockNumber>) {
    let length = u64::from(tempo) + 1;
    let shifted = block.saturating_add(u64::from(netuid)).saturating_add(1);
    if tempo == 0 {
        return (shifted / length, None);
    }
    let to_go = match u64::from(tempo) - shifted % length {
        0 => length,
        to_go => to_go,
    };
    (shifted / length, Some(block.saturating_add(to_go)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const VECTORS: &str = include_str!("../../tests/data/chain/epoch_and_types.json");

    /// Epochs pass as the chain runs them until `target`: where it is reached.
    fn first_block_of(target: u64, state: &serde_json::Value) -> Option<u64> {
        let get = |name: &str| state[name].as_u64().unwrap();
        let tempo = u16::try_from(get("tempo")).unwrap();
        let mut block = get("current_block");
        let mut schedule = Schedule::Counted {
            index: get("subnet_epoch_index"),
            last_epoch_block: get("last_epoch_block"),
            pending_epoch_at: get("pending_epoch_at"),
            blocks_since_last_step: get("blocks_since_last_step"),
        };
        loop {
            let (index, next) = current(schedule, 1, tempo, block);
            if index + 1 == target {
                return next;
            }
            block = next?;
            schedule = Schedule::Counted {
                index: index + 1,
                last_epoch_block: block,
                pending_epoch_at: 0,
                blocks_since_last_step: 0,
            };
        }
    }

    #[test]
    fn epochs_end_where_bittensor_says() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        for case in vectors["epoch_schedule"].as_array().unwrap() {
            let state = &case["state"];
            let get = |name: &str| state[name].as_u64().unwrap();
            let tempo = u16::try_from(get("tempo")).unwrap();
            let schedule = Schedule::Counted {
                index: get("subnet_epoch_index"),
                last_epoch_block: get("last_epoch_block"),
                pending_epoch_at: get("pending_epoch_at"),
                blocks_since_last_step: get("blocks_since_last_step"),
            };
            let head = get("current_block");
            let (index, next) = current(schedule, 1, tempo, head);
            let Some(reveal) = case["first_reveal_block"].as_u64() else {
                assert_eq!(next, None, "{}", case["name"]);
                continue;
            };
            // A commit lands in the block after the head, and counts for the epoch there.
            let committed = index + u64::from(next == Some(head + 1));
            let period = get("subnet_reveal_period_epochs");
            let found = match period {
                0 => Some(head + 1),
                _ => first_block_of(committed + period, state),
            };
            assert_eq!(found, Some(reveal), "{}", case["name"]);
        }
    }

    #[test]
    fn an_overdue_epoch_runs_whatever_the_tempo_says() {
        let schedule = Schedule::Counted {
            index: 0,
            last_epoch_block: 1_000_000,
            pending_epoch_at: 0,
            blocks_since_last_step: 50_399,
        };
        assert_eq!(current(schedule, 1, 360, 5_000).1, Some(5_002));
    }

    #[test]
    fn without_a_counter_the_block_s_number_decides() {
        // Subnet 1, tempo 10: epochs run where (block + 2) % 11 == 10.
        assert_eq!(current(Schedule::Derived, 1, 10, 0), (0, Some(8)));
        assert_eq!(current(Schedule::Derived, 1, 10, 7), (0, Some(8)));
        assert_eq!(current(Schedule::Derived, 1, 10, 8), (0, Some(19)));
        assert_eq!(current(Schedule::Derived, 1, 10, 9), (1, Some(19)));
        assert_eq!(current(Schedule::Derived, 1, 0, 9).1, None);
    }

    proptest::proptest! {
        #[test]
        fn no_chain_makes_the_rule_panic(
            index: u64, last: u64, pending: u64, since: u64, netuid: u16, tempo: u16, block: u64,
        ) {
            let counted = Schedule::Counted {
                index,
                last_epoch_block: last,
                pending_epoch_at: pending,
                blocks_since_last_step: since,
            };
            for schedule in [counted, Schedule::Derived] {
                let (_, next) = current(schedule, netuid, tempo, block);
                proptest::prop_assert!(next.is_none_or(|next| next > block || block == u64::MAX));
            }
        }
    }
}
