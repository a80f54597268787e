//! What stands between a policy and other people's income.
//!
//! Before weights leave, they are compared with those that count now. A change
//! that is larger than the operator allows is held: what counted goes on
//! counting until somebody has looked. It would have stopped the new check that
//! zeroed 99 machines in an hour, and the policy whose bug paid one miner alone.
//!
//! Pure rules: who holds, for how long and who is told is the validator's.

use serde::{Deserialize, Serialize};

use super::Uid;
use super::shares::{PPM, Shares, change};

/// How much may change from one epoch to the next, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of all weight that changes hands.
    pub moved_permille_max: u64,
    /// Of the miners with weight that fall to zero.
    pub zeroed_permille_max: u64,
    /// Of all weight that one miner holds who held less before.
    pub share_permille_max: u64,
    /// Of the miners with weight by which there are fewer of them.
    pub fewer_permille_max: u64,
    /// Miners that may fall to zero, or be fewer, whatever share that is: in a
    /// small subnet one miner is a large share.
    pub miners_min: usize,
    /// Epochs for which the old weights are set again while the guard holds.
    pub hold_epochs_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            moved_permille_max: 400,
            zeroed_permille_max: 250,
            share_permille_max: 800,
            fewer_permille_max: 250,
            miners_min: 2,
            hold_epochs_max: 3,
        }
    }
}

/// Why weights are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Objection {
    /// Too much changes hands.
    #[error("{moved_permille} permille of all weight would change hands, {max} are allowed")]
    Moved {
        /// This much.
        moved_permille: u64,
        /// `guard.moved-permille-max`.
        max: u64,
    },
    /// Too many fall to zero.
    #[error(
        "{zeroed} of {holders} miners with weight would fall to zero, {max} permille are allowed"
    )]
    Zeroed {
        /// So many.
        zeroed: usize,
        /// Had weight before.
        holders: usize,
        /// `guard.zeroed-permille-max`.
        max: u64,
    },
    /// One gets nearly everything.
    #[error("uid {uid} would hold {share_permille} permille of all weight, {max} are allowed")]
    Share {
        /// The miner.
        uid: Uid,
        /// Its share.
        share_permille: u64,
        /// `guard.share-permille-max`.
        max: u64,
    },
    /// Many fewer have weight at all.
    #[error("{now} miners would have weight instead of {before}, {max} permille fewer are allowed")]
    Fewer {
        /// Before.
        before: usize,
        /// Now.
        now: usize,
        /// `guard.fewer-permille-max`.
        max: u64,
    },
}

impl Limits {
    /// All that is wrong with going from `old` to `new`. Without any old weight
    /// there is nothing to guard.
    pub fn object(&self, old: &Shares, new: &Shares) -> Vec<Objection> {
        let before = old.holders();
        if before == 0 {
            return Vec::new();
        }
        let change = change(old, new);
        let moved_permille = change.moved_ppm * 1000 / PPM;
        let moved = (moved_permille > self.moved_permille_max).then_some(Objection::Moved {
            moved_permille,
            max: self.moved_permille_max,
        });
        let zeroed = change.zeroed.len();
        let zeroed = self
            .is_too_many(zeroed, before, self.zeroed_permille_max)
            .then_some(Objection::Zeroed {
                zeroed,
                holders: before,
                max: self.zeroed_permille_max,
            });
        let now = new.holders();
        let fewer = self
            .is_too_many(before.saturating_sub(now), before, self.fewer_permille_max)
            .then_some(Objection::Fewer {
                before,
                now,
                max: self.fewer_permille_max,
            });
        [moved, zeroed, self.largest(old, new), fewer]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Someone whose share is above the limit and grew; one that shrinks towards
    /// it is on its way back.
    fn largest(&self, old: &Shares, new: &Shares) -> Option<Objection> {
        let (uid, share) = new.largest()?;
        let share_permille = share * 1000 / PPM;
        let grew = share > old.get(uid);
        (grew && share_permille > self.share_permille_max && old.holders() > 1).then_some(
            Objection::Share {
                uid,
                share_permille,
                max: self.share_permille_max,
            },
        )
    }

    fn is_too_many(&self, number: usize, of: usize, permille_max: u64) -> bool {
        let permille = u64::try_from(number * 1000 / of.max(1)).unwrap_or(u64::MAX);
        number > self.miners_min && permille > permille_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(holders: u16, of: u16) -> Shares {
        Shares::of((0..of).map(|uid| (uid, u64::from(uid < holders))))
    }

    fn objections(old: &Shares, new: &Shares) -> Vec<Objection> {
        Limits::default().object(old, new)
    }

    #[test]
    fn the_first_weights_of_all_are_not_held() {
        assert_eq!(objections(&Shares::default(), &equal(1, 9)), []);
        assert_eq!(objections(&equal(0, 9), &equal(1, 9)), []);
    }

    #[test]
    fn ninety_nine_machines_zeroed_at_once_are_held() {
        let zeroed = objections(&equal(200, 200), &equal(101, 200));
        assert!(zeroed.iter().any(|it| matches!(
            it,
            Objection::Zeroed {
                zeroed: 99,
                holders: 200,
                ..
            }
        )));
        assert!(
            zeroed
                .iter()
                .any(|it| matches!(it, Objection::Fewer { now: 101, .. }))
        );
    }

    #[test]
    fn a_policy_that_pays_one_miner_alone_is_held() {
        let one = objections(&equal(10, 10), &equal(1, 10));
        assert!(
            one.iter()
                .any(|it| matches!(it, Objection::Share { uid: 0, .. }))
        );
        assert!(one.iter().any(|it| matches!(
            it,
            Objection::Moved {
                moved_permille: 900,
                ..
            }
        )));
    }

    #[test]
    fn one_of_three_miners_that_fades_is_no_reason_to_hold() {
        let old = Shares::of([(1, 65_535), (2, 19_660), (3, 32_286)]);
        let new = Shares::of([(1, 65_535), (2, 19_660), (3, 0)]);
        assert_eq!(objections(&old, &new), []);
    }

    #[test]
    fn a_lone_miner_keeps_everything() {
        let lone = Shares::of([(1, 9)]);
        assert_eq!(objections(&lone, &lone), []);
    }

    proptest::proptest! {
        #[test]
        fn what_does_not_change_is_never_held(points in proptest::collection::vec(proptest::num::u64::ANY, 0..64)) {
            let shares = Shares::of((0..).zip(points));
            proptest::prop_assert_eq!(objections(&shares, &shares), vec![]);
        }
    }
}
