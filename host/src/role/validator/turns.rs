//! Whose turn it is.
//!
//! A miner serves one session at a time, so validators with a permit take turns
//! by block height, in the order of their uids: nobody asks, nobody is asked
//! twice, and no message is needed to agree.

use crate::subnet::BlockNumber;
use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;

/// Whether `head` lies in a turn of `me`.
pub(super) fn is_mine(
    metagraph: &Metagraph,
    me: AccountId,
    head: BlockNumber,
    turn_blocks: u64,
) -> bool {
    let permitted = || {
        metagraph
            .neurons
            .iter()
            .filter(|neuron| neuron.validator_permit)
    };
    let Some(place) = permitted()
        .zip(0u64..)
        .find(|(neuron, _)| neuron.hotkey == me)
    else {
        return false;
    };
    let validators = permitted().zip(1u64..).last().map_or(1, |(_, count)| count);
    head / turn_blocks.max(1) % validators == place.1
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
            let turns = (0..5).filter(|uid| is_mine(&metagraph, neuron(*uid).hotkey, block, 4));
            assert_eq!(turns.count(), 1, "block {block}");
        }
    }

    #[test]
    fn without_a_permit_there_is_no_turn() {
        let metagraph = three_validators();
        assert!((0..60).all(|block| !is_mine(&metagraph, neuron(1).hotkey, block, 4)));
    }
}
