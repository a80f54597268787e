//! When a subnet's epoch ends, and when what is committed now is revealed.
//!
//! Newer runtimes count epochs in storage and can move them
//! ([`Schedule::Counted`]); older ones derive them from the block's number
//! ([`Schedule::Derived`]).

use crate::subnet::{BlockNumber, Netuid};

/// An epoch that is overdue by this many blocks runs whatever the tempo says.
const OVERDUE_BLOCKS: u64 = 50_400;

/// The longest reveal period, in epochs; subtensor's own limit is 100.
const REVEAL_PERIOD_MAX: u64 = 128;

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

/// When a commit is revealed that lands in the next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The epoch it counts for.
    pub(super) epoch: u64,
    /// The epoch it is revealed in.
    pub(super) reveal_epoch: u64,
    /// The first block of that epoch.
    pub(super) reveal_block: BlockNumber,
    /// The first block of the one after, if the tempo stays.
    pub(super) reveal_end: BlockNumber,
}

/// The window of a commit made at `head`; none if no epoch ever runs, or none
/// within [`REVEAL_PERIOD_MAX`].
///
/// Source: `get_encrypted_commit_v2` of `bittensor-drand` 2.0 for runtimes that
/// count epochs, `get_encrypted_commit` of 1.0 for those that derive them.
pub(super) fn window(
    schedule: Schedule,
    netuid: Netuid,
    tempo: u16,
    head: BlockNumber,
    reveal_period: u64,
) -> Option<Window> {
    let epoch = match schedule {
        Schedule::Counted { index, .. } => {
            let (_, end) = current(schedule, netuid, tempo, head);
            index.saturating_add(u64::from(end == head.checked_add(1)))
        }
        Schedule::Derived => derived(netuid, tempo, head.saturating_add(1)).0,
    };
    let reveal_epoch = epoch.checked_add(reveal_period)?;
    let reveal_block = first_block(schedule, netuid, tempo, head, reveal_epoch)?;
    Some(Window {
        epoch,
        reveal_epoch,
        reveal_block,
        reveal_end: reveal_block.saturating_add(u64::from(tempo)),
    })
}

/// The first block after `head` that is in epoch `target` or a later one.
pub(super) fn first_block(
    schedule: Schedule,
    netuid: Netuid,
    tempo: u16,
    head: BlockNumber,
    target: u64,
) -> Option<BlockNumber> {
    if tempo == 0 {
        return None;
    }
    if let Schedule::Derived = schedule {
        let first = target.checked_mul(u64::from(tempo) + 1)?;
        let first = first.saturating_sub(u64::from(netuid) + 1);
        return Some(first.max(head.saturating_add(1)));
    }
    let (mut block, mut schedule) = (head, schedule);
    for _ in 0..=REVEAL_PERIOD_MAX {
        let (index, end) = current(schedule, netuid, tempo, block);
        if index >= target {
            return block.checked_add(1);
        }
        block = end?;
        if index.checked_add(1)? == target {
            return Some(block);
        }
        schedule = Schedule::Counted {
            index: index.checked_add(1)?,
            last_epoch_block: block,
            pending_epoch_at: 0,
            blocks_since_last_step: 0,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const VECTORS: &str = include_str!("../../tests/data/chain/epoch_and_types.json");

    fn schedule(state: &serde_json::Value) -> (Schedule, u16, u64, u64) {
        let get = |name: &str| state[name].as_u64().unwrap();
        let schedule = Schedule::Counted {
            index: get("subnet_epoch_index"),
            last_epoch_block: get("last_epoch_block"),
            pending_epoch_at: get("pending_epoch_at"),
            blocks_since_last_step: get("blocks_since_last_step"),
        };
        let tempo = u16::try_from(get("tempo")).unwrap();
        let period = get("subnet_reveal_period_epochs");
        (schedule, tempo, get("current_block"), period)
    }

    #[test]
    fn commits_are_revealed_where_bittensor_says() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        for case in vectors["epoch_schedule"].as_array().unwrap() {
            let (schedule, tempo, head, period) = schedule(&case["state"]);
            let found = window(schedule, 1, tempo, head, period);
            assert_eq!(
                found.map(|found| found.reveal_block),
                case["first_reveal_block"].as_u64(),
                "{}",
                case["name"]
            );
        }
    }

    #[test]
    fn a_commit_in_the_block_that_ends_an_epoch_counts_for_the_next() {
        let counted = |blocks_since_last_step| Schedule::Counted {
            index: 5,
            last_epoch_block: 1000,
            pending_epoch_at: 0,
            blocks_since_last_step,
        };
        let epoch = |head, since| window(counted(since), 1, 360, head, 1).unwrap().epoch;
        assert_eq!((epoch(1358, 358), epoch(1359, 359)), (5, 6));
    }

    #[test]
    fn without_a_counter_a_commit_is_revealed_by_the_block_s_number() {
        // Subnet 1, tempo 10: epoch 1 is of the blocks from 9 to 19.
        let found = window(Schedule::Derived, 1, 10, 7, 1).unwrap();
        assert_eq!((found.epoch, found.reveal_block), (0, 9));
        let found = window(Schedule::Derived, 1, 10, 8, 2).unwrap();
        assert_eq!(
            (found.epoch, found.reveal_epoch, found.reveal_block),
            (1, 3, 31)
        );
        assert_eq!(window(Schedule::Derived, 1, 0, 8, 1), None);
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
            period: u64,
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
                let window = window(schedule, netuid, tempo, block, period);
                proptest::prop_assert!(window.is_none_or(|it| it.reveal_block > block || block == u64::MAX));
            }
        }
    }
}
