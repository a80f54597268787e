//! Whose turn it is.
//!
//! A miner serves one session at a time, so validators with a permit take turns
//! by block height, in the order of their uids: nobody asks, nobody is asked
//! twice, and no message is needed to agree.

use crate::subnet::BlockNumber;
use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;

/// The number of the slot that `head` lies in, if it is `me`'s.
pub(super) fn my_slot(
    metagraph: &Metagraph,
    me: AccountId,
    head: BlockNumber,
    slot_blocks: u64,
) -> Option<u64> {
    let permitted: Vec<AccountId> = metagraph
        .neurons
        .iter()
        .filter(|neuron| neuron.validator_permit)
        .map(|neuron| neuron.hotkey)
        .collect();
    let place = permitted.iter().position(|hotkey| *hotkey == me)?;
    let slot = head / slot_blocks.max(1);
    let turn = slot % u64::try_from(permitted.len()).ok()?;
    (turn == u64::try_from(place).ok()?).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::chain::testing::{metagraph, neuron};

    fn three_validators() -> Metagraph {
        let mut neurons: Vec<_> = (0..5).map(neuron).collect();
        for uid in [0, 2, 4] {
            neurons[uid].validator_permit = true;
        }
        metagraph(neurons)
    }

    #[test]
    fn in_every_block_exactly_one_permitted_validator_has_the_turn() {
        let metagraph = three_validators();
        for block in 0..60 {
            let turns =
                (0..5).filter(|uid| my_slot(&metagraph, neuron(*uid).hotkey, block, 4).is_some());
            assert_eq!(turns.count(), 1, "block {block}");
        }
    }

    #[test]
    fn without_a_permit_there_is_no_turn() {
        let metagraph = three_validators();
        assert!((0..60).all(|block| my_slot(&metagraph, neuron(1).hotkey, block, 4).is_none()));
    }
}
