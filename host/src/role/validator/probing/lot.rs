//! Which machines are probed next.
//!
//! Who was tried longest ago comes first, whoever was never tried before all;
//! equals by lot. A miner has one machine drawn at a time, however many it
//! offers, so that many machines or uids bring no miner's turn forward. The
//! caps are kept here, before anything is asked for.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;
use crate::subnet::probe::{LastTry, ProbeSpending};
use crate::subnet::rental::cost_micro_usd;
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::wire::{Described, Peer, Wire};
use crate::subnet::{BlockNumber, Uid};

use super::ProbeOptions;

/// A machine that can be rented, and where to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) uid: Uid,
    pub(super) peer: Peer,
    pub(super) machine: OfferedMachine,
}

/// A machine that is to be probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) uid: Uid,
    pub(super) peer: Peer,
    pub(super) machine: OfferedMachine,
    pub(super) cost_micro_usd_max: u64,
}

/// What may still be spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    machines: u64,
    price_micro_usd_per_hour_max: u64,
    rental_s: u64,
    micro_usd: u64,
}

impl Budget {
    pub(super) fn new(options: &ProbeOptions, spent: ProbeSpending) -> Self {
        let epoch = options.epoch_micro_usd_max;
        let day = options.day_micro_usd_max;
        Self {
            machines: options
                .machines_per_epoch
                .saturating_sub(spent.drawn_in_epoch),
            price_micro_usd_per_hour_max: options.price_micro_usd_per_hour_max,
            rental_s: options.rental.as_secs(),
            micro_usd: epoch
                .saturating_sub(spent.epoch_micro_usd)
                .min(day.saturating_sub(spent.lately_micro_usd)),
        }
    }

    /// What a rental at this price costs at most, if that can be afforded.
    fn take(&mut self, price_micro_usd_per_hour: u64) -> Option<u64> {
        let cost = cost_micro_usd(price_micro_usd_per_hour, self.rental_s);
        let left = self.micro_usd.checked_sub(cost)?;
        let machines = self.machines.checked_sub(1)?;
        if price_micro_usd_per_hour > self.price_micro_usd_per_hour_max {
            return None;
        }
        (self.micro_usd, self.machines) = (left, machines);
        Some(cost)
    }
}

/// All that the miners who sign what they say have for rent.
pub(super) fn offered(
    metagraph: &Metagraph,
    me: AccountId,
    said: &HashMap<AccountId, Described>,
) -> Vec<Offered> {
    let neurons = metagraph
        .neurons
        .iter()
        .filter(|neuron| neuron.hotkey != me);
    neurons
        .filter_map(|neuron| {
            let described = said.get(&neuron.hotkey)?;
            let peer = Peer {
                hotkey: neuron.hotkey,
                address: neuron.axon?.address,
            };
            let machines = described.description.machines.iter();
            (described.wire == Wire::Signed).then(|| {
                machines.map(move |machine| Offered {
                    uid: neuron.uid,
                    peer,
                    machine: machine.clone(),
                })
            })
        })
        .flatten()
        .filter(|offered| offered.machine.price_micro_usd_per_hour > 0)
        .collect()
}

/// Draws within the budget.
pub(super) fn draw(
    offered: Vec<Offered>,
    tries: &[LastTry],
    seed: [u8; 32],
    mut budget: Budget,
) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    for offered in queue(offered, tries, seed) {
        let price = offered.machine.price_micro_usd_per_hour;
        let Some(cost_micro_usd_max) = budget.take(price) else {
            continue;
        };
        let Offered { uid, peer, machine } = offered;
        drawn.push(Drawn {
            uid,
            peer,
            machine,
            cost_micro_usd_max,
        });
    }
    drawn
}

/// When something was last tried, and its lot.
type Turn = (Option<BlockNumber>, [u8; 32]);

/// One machine of each miner, in the order in which they are to be probed.
fn queue(offered: Vec<Offered>, tries: &[LastTry], seed: [u8; 32]) -> Vec<Offered> {
    let mut next: BTreeMap<AccountId, (Turn, Offered)> = BTreeMap::new();
    for offered in offered {
        let hotkey = offered.peer.hotkey;
        let tried = tries.iter().filter(|tried| tried.hotkey == hotkey);
        let block = tried
            .filter(|tried| tried.machine == offered.machine.id)
            .map(|tried| tried.block);
        let turn = (block.max(), lot(&seed, &hotkey, &offered.machine.id));
        match next.get(&hotkey) {
            Some((earlier, _)) if *earlier <= turn => {}
            _ => {
                next.insert(hotkey, (turn, offered));
            }
        }
    }
    let mut queue: Vec<(Turn, Offered)> = next
        .into_iter()
        .map(|(hotkey, (_, offered))| {
            let tried = tries.iter().filter(|tried| tried.hotkey == hotkey);
            let block = tried.map(|tried| tried.block).max();
            ((block, lot(&seed, &hotkey, "")), offered)
        })
        .collect();
    queue.sort_by_key(|(turn, _)| *turn);
    queue.into_iter().map(|(_, offered)| offered).collect()
}

fn lot(seed: &[u8; 32], hotkey: &AccountId, machine: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(seed)
        .chain_update(hotkey.0)
        .chain_update(machine)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;
    use crate::subnet::hardware::Hardware;

    fn machine(id: &str, price: u64) -> OfferedMachine {
        OfferedMachine {
            id: id.to_owned(),
            claimed: Hardware::default(),
            price_micro_usd_per_hour: price,
            rented_permille: 0,
            labels: Vec::new(),
        }
    }

    fn of(uid: u8, id: &str, price: u64) -> Offered {
        Offered {
            uid: uid.into(),
            peer: Peer {
                hotkey: AccountId([uid; 32]),
                address: ([127, 0, 0, 1], 8091).into(),
            },
            machine: machine(id, price),
        }
    }

    fn tried(uid: u8, id: &str, block: u64) -> LastTry {
        LastTry {
            hotkey: AccountId([uid; 32]),
            machine: id.to_owned(),
            block,
        }
    }

    fn options() -> ProbeOptions {
        ProbeOptions {
            machines_per_epoch: 2,
            machines_at_once: 1,
            rental: Duration::from_secs(360),
            ready: Duration::ZERO,
            poll: Duration::ZERO,
            price_micro_usd_per_hour_max: 1_000,
            epoch_micro_usd_max: 150,
            day_micro_usd_max: 1_000,
            void_permille: 500,
        }
    }

    fn names(drawn: &[Drawn]) -> Vec<(Uid, &str)> {
        drawn
            .iter()
            .map(|drawn| (drawn.uid, drawn.machine.id.as_str()))
            .collect()
    }

    fn plenty() -> Budget {
        Budget::new(&options(), ProbeSpending::default())
    }

    #[test]
    fn who_was_tried_longest_ago_comes_first_and_the_never_tried_before_all() {
        let offered = vec![of(1, "", 1), of(2, "", 1), of(3, "", 1)];
        let tries = [tried(1, "", 50), tried(2, "", 40)];
        let drawn = draw(offered, &tries, [0; 32], plenty());
        assert_eq!(names(&drawn), [(3, ""), (2, "")]);
    }

    #[test]
    fn a_miner_with_many_machines_has_one_turn_and_its_machines_take_turns() {
        let offered = vec![of(1, "a", 1), of(1, "b", 1), of(1, "c", 1), of(2, "", 1)];
        let tries = [tried(1, "a", 50), tried(1, "b", 40), tried(2, "", 45)];
        let drawn = draw(offered, &tries, [0; 32], plenty());
        assert_eq!(names(&drawn), [(2, ""), (1, "c")]);
    }

    #[test]
    fn equals_are_drawn_by_lot_so_that_in_the_end_everybody_is() {
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..200u8 {
            let offered: Vec<_> = (1..=4).map(|uid| of(uid, "", 1)).collect();
            let drawn = draw(offered, &[], [round; 32], plenty());
            seen.extend(drawn.iter().map(|drawn| drawn.uid));
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn no_cap_is_exceeded_and_a_dear_machine_keeps_no_cheap_one_from_its_turn() {
        // 360 s at 1000 are 100: two do not fit into 150, one and a cheap one do.
        let offered = vec![of(1, "", 1_000), of(2, "", 1_000), of(3, "", 100)];
        let tries = [tried(2, "", 1), tried(3, "", 2)];
        let drawn = draw(offered.clone(), &tries, [0; 32], plenty());
        assert_eq!(names(&drawn), [(1, ""), (3, "")]);
        assert_eq!(drawn[0].cost_micro_usd_max, 100);
        let spent = ProbeSpending {
            lately_micro_usd: 999,
            ..ProbeSpending::default()
        };
        assert!(
            draw(
                offered.clone(),
                &tries,
                [0; 32],
                Budget::new(&options(), spent)
            )
            .is_empty()
        );
        let drawn_already = ProbeSpending {
            drawn_in_epoch: 2,
            ..ProbeSpending::default()
        };
        let none_left = Budget::new(&options(), drawn_already);
        assert!(draw(offered, &tries, [0; 32], none_left).is_empty());
        let dear = vec![of(1, "", 1_001), of(2, "", u64::MAX)];
        assert!(draw(dear, &[], [0; 32], plenty()).is_empty());
    }
}
