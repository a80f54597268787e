//! What one set of scores would change about another: who gains, who falls to
//! zero, how much weight moves.
//!
//! The one comparison behind a backtest, a shadow policy and the guard. Shares
//! are parts per million of all points, rounded down, so two policies that pay
//! in different units compare.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Uid;
use super::scoring::Score;

/// The whole.
pub const PPM: u64 = 1_000_000;

/// Each uid's part of all points, in parts per million.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares(pub BTreeMap<Uid, u64>);

impl Shares {
    /// Of a policy's points; without any point everybody's share is zero.
    pub fn of_scores(scores: &[Score]) -> Self {
        Self::of(scores.iter().map(|score| (score.uid, score.points)))
    }

    /// Of any amounts.
    pub fn of(amounts: impl IntoIterator<Item = (Uid, u64)>) -> Self {
        let amounts: BTreeMap<Uid, u64> = amounts.into_iter().collect();
        let total: u128 = amounts.values().map(|amount| u128::from(*amount)).sum();
        let share = |amount: u64| {
            let ppm = u128::from(amount) * u128::from(PPM) / total.max(1);
            u64::try_from(ppm).unwrap_or(PPM)
        };
        Self(
            amounts
                .into_iter()
                .map(|(uid, amount)| (uid, share(amount)))
                .collect(),
        )
    }

    /// A uid's share; zero if it has none.
    pub fn get(&self, uid: Uid) -> u64 {
        self.0.get(&uid).copied().unwrap_or(0)
    }

    /// How many have any.
    pub fn holders(&self) -> usize {
        self.0.values().filter(|share| **share > 0).count()
    }

    /// Who has most, and how much.
    pub fn largest(&self) -> Option<(Uid, u64)> {
        let by_share = |(_, share): &(Uid, u64)| *share;
        self.0
            .iter()
            .map(|(uid, share)| (*uid, *share))
            .rev()
            .max_by_key(by_share)
    }
}

/// From old shares to new ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Weight that changes hands, in parts per million of all of it.
    pub moved_ppm: u64,
    /// Had a share and would have none, ascending.
    pub zeroed: Vec<Uid>,
    /// Had none and would have one, ascending.
    pub raised: Vec<Uid>,
    /// Spearman's correlation of the two orders, in thousandths: 1000 is the same
    /// order, -1000 the reverse; absent where all are equal in one of them.
    pub rank_correlation_permille: Option<i64>,
}

/// Compares two distributions.
pub fn change(old: &Shares, new: &Shares) -> Change {
    let uids: Vec<Uid> = old
        .0
        .keys()
        .chain(new.0.keys())
        .copied()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let became = |was: fn(u64) -> bool, is: fn(u64) -> bool| {
        let met = |uid: &&Uid| was(old.get(**uid)) && is(new.get(**uid));
        uids.iter().filter(met).copied().collect()
    };
    let apart: u64 = uids
        .iter()
        .map(|uid| old.get(*uid).abs_diff(new.get(*uid)))
        .sum();
    Change {
        moved_ppm: apart / 2,
        zeroed: became(|was| was > 0, |is| is == 0),
        raised: became(|was| was == 0, |is| is > 0),
        rank_correlation_permille: correlation(&ranks(&uids, old), &ranks(&uids, new)),
    }
}

/// Twice the average rank of each uid, so that ties stay integers.
fn ranks(uids: &[Uid], shares: &Shares) -> Vec<i64> {
    let rank = |uid: &Uid| {
        let mine = shares.get(*uid);
        let count = |met: &dyn Fn(u64) -> bool| {
            let number = uids.iter().filter(|uid| met(shares.get(**uid))).count();
            i64::try_from(number).unwrap_or(i64::MAX)
        };
        2 * count(&|other| other < mine) + count(&|other| other == mine) + 1
    };
    uids.iter().map(rank).collect()
}

/// Pearson's correlation of two rows of ranks, in integers, in thousandths.
fn correlation(a: &[i64], b: &[i64]) -> Option<i64> {
    let n = i128::try_from(a.len()).ok()?;
    let sum = |row: &[i64]| row.iter().map(|x| i128::from(*x)).sum::<i128>();
    let product = |x: &[i64], y: &[i64]| {
        let pairs = x.iter().zip(y);
        let sums: i128 = pairs.map(|(x, y)| i128::from(*x) * i128::from(*y)).sum();
        n * sums - sum(x) * sum(y)
    };
    let (above, below) = (product(a, b), product(a, a).checked_mul(product(b, b))?);
    if below == 0 {
        return None;
    }
    i64::try_from(1000 * above / below.isqrt()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares<const N: usize>(amounts: [u64; N]) -> Shares {
        Shares::of((0..).zip(amounts))
    }

    #[test]
    fn shares_are_parts_of_the_whole_whatever_the_unit() {
        assert_eq!(shares([1, 3]), shares([10, 30]));
        assert_eq!(shares([1, 3]).get(1), 750_000);
        assert_eq!(shares([0, 0]).holders(), 0);
        assert_eq!(shares([u64::MAX, u64::MAX]).get(0), PPM / 2);
    }

    #[test]
    fn who_falls_who_rises_and_what_moves_is_named() {
        let change = change(&shares([5, 5, 0]), &shares([0, 5, 5]));
        assert_eq!((change.zeroed, change.raised), (vec![0], vec![2]));
        assert_eq!(change.moved_ppm, PPM / 2);
    }

    #[test]
    fn the_same_order_correlates_and_the_reverse_is_its_opposite() {
        let up = shares([1, 2, 3, 4]);
        let correlation = |to: &Shares| change(&up, to).rank_correlation_permille;
        assert_eq!(correlation(&shares([10, 11, 30, 99])), Some(1000));
        assert_eq!(correlation(&shares([4, 3, 2, 1])), Some(-1000));
        assert_eq!(correlation(&shares([1, 1, 1, 1])), None);
    }

    #[test]
    fn the_largest_of_equals_is_the_lowest_uid() {
        assert_eq!(shares([1, 5, 5]).largest().map(|(uid, _)| uid), Some(1));
    }

    proptest::proptest! {
        #[test]
        fn no_more_than_everything_ever_moves(a in proptest::collection::vec(proptest::num::u64::ANY, 0..40), b in proptest::collection::vec(proptest::num::u64::ANY, 0..40)) {
            let (a, b) = (Shares::of((0..).zip(a)), Shares::of((0..).zip(b)));
            let change = change(&a, &b);
            proptest::prop_assert!(change.moved_ppm <= PPM);
            proptest::prop_assert!(change.rank_correlation_permille.is_none_or(|r| (-1000..=1000).contains(&r)));
        }
    }
}
