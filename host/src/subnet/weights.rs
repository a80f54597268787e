//! From a policy's points to weights the chain accepts, or the reason there are none.
//!
//! The one way weights leave the node. Integers all through: `points * 65535 /
//! max` in u128, rounded half to even, as `bittensor` does when it emits.
//! What Bittensor's packages would have made of the same is [`compare`].

pub mod compare;

use std::collections::BTreeMap;

use super::Uid;
use super::chain::Hyperparameters;
use super::scoring::Score;

/// Weights as `set_weights` takes them: by uid, ascending, none of them zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights(pub Vec<(Uid, u16)>);

impl Weights {
    /// The uids alone.
    pub fn uids(&self) -> Vec<Uid> {
        self.0.iter().map(|(uid, _)| *uid).collect()
    }

    /// The values alone.
    pub fn values(&self) -> Vec<u16> {
        self.0.iter().map(|(_, value)| *value).collect()
    }
}

/// Why nothing is set; what is on chain stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWeights {
    /// All points are zero.
    #[error("nobody earned a point")]
    NobodyScored,
    /// Fewer uids than the subnet demands.
    #[error("only {got} uids have weight and the subnet demands {min}")]
    TooFew {
        /// Uids with weight.
        got: usize,
        /// `MinAllowedWeights`, or the number of neurons if that is smaller.
        min: usize,
    },
    /// One share is above the subnet's limit.
    #[error(
        "uid {uid} would hold {share_permille} permille of all weight and the subnet allows {limit_permille}"
    )]
    AboveLimit {
        /// The largest one.
        uid: Uid,
        /// Its share.
        share_permille: u64,
        /// `MaxWeightsLimit`.
        limit_permille: u64,
    },
}

/// Points, as a policy gave them, to weights the chain accepts.
///
/// The largest share becomes `u16::MAX`. All zero is [`NoWeights::NobodyScored`]:
/// the caller keeps what is on chain.
///
/// Source: `convert_weights_and_uids_for_emit` of bittensor 10.5.0 and the
/// checks of `do_set_weights` in subtensor, which this refuses beforehand.
pub fn weights(
    scores: &[Score],
    neurons: usize,
    rules: &Hyperparameters,
) -> Result<Weights, NoWeights> {
    let points = scores.iter().map(|score| (score.uid, score.points));
    emit(points.collect(), neurons, rules)
}

/// Weights that are sent late: without the uids that changed hands since.
pub fn still_held(
    weights: &Weights,
    is_held: impl Fn(Uid) -> bool,
    neurons: usize,
    rules: &Hyperparameters,
) -> Result<Weights, NoWeights> {
    let held = weights.0.iter().filter(|(uid, _)| is_held(*uid));
    let points = held.map(|(uid, value)| (*uid, u64::from(*value)));
    emit(points.collect(), neurons, rules)
}

fn emit(
    points: BTreeMap<Uid, u64>,
    neurons: usize,
    rules: &Hyperparameters,
) -> Result<Weights, NoWeights> {
    let max = points.values().copied().max().unwrap_or(0);
    if max == 0 {
        return Err(NoWeights::NobodyScored);
    }
    let emitted: Vec<(Uid, u16)> = points
        .into_iter()
        .map(|(uid, points)| (uid, upscale(points, max)))
        .filter(|(_, value)| *value > 0)
        .collect();
    enough(&emitted, neurons, rules)?;
    within_limit(&emitted, rules)?;
    Ok(Weights(emitted))
}

fn upscale(points: u64, max: u64) -> u16 {
    let scaled = u128::from(points) * u128::from(u16::MAX);
    let (quotient, rest) = (scaled / u128::from(max), scaled % u128::from(max));
    let up = match (rest * 2).cmp(&u128::from(max)) {
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient % 2,
        std::cmp::Ordering::Less => 0,
    };
    u16::try_from(quotient + up)
        .expect("points are at most max, so the quotient is at most u16::MAX")
}

fn enough(
    emitted: &[(Uid, u16)],
    neurons: usize,
    rules: &Hyperparameters,
) -> Result<(), NoWeights> {
    let min = usize::from(rules.min_allowed_weights).min(neurons);
    if emitted.len() < min {
        return Err(NoWeights::TooFew {
            got: emitted.len(),
            min,
        });
    }
    Ok(())
}

fn within_limit(emitted: &[(Uid, u16)], rules: &Hyperparameters) -> Result<(), NoWeights> {
    let limit = u64::from(rules.max_weights_limit);
    let sum: u64 = emitted.iter().map(|(_, value)| u64::from(*value)).sum();
    let largest = emitted.iter().max_by_key(|(_, value)| *value);
    match largest {
        Some((uid, value))
            if limit < u64::from(u16::MAX)
                && u64::from(*value) * u64::from(u16::MAX) > limit * sum =>
        {
            Err(NoWeights::AboveLimit {
                uid: *uid,
                share_permille: u64::from(*value) * 1000 / sum,
                limit_permille: limit * 1000 / u64::from(u16::MAX),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn score(uid: Uid, points: u64) -> Score {
        Score {
            uid,
            points,
            reason: String::new(),
        }
    }

    fn rules() -> Hyperparameters {
        Hyperparameters {
            min_allowed_weights: 1,
            max_weights_limit: u16::MAX,
            ..Hyperparameters::default()
        }
    }

    #[test]
    fn the_largest_share_becomes_the_largest_weight() {
        let set = weights(&[score(2, 50), score(1, 100)], 3, &rules()).unwrap();
        // 32767.5 rounds to even.
        assert_eq!(set.0, [(1, 65535), (2, 32768)]);
    }

    #[test]
    fn late_weights_leave_out_who_came_since() {
        let set = Weights(vec![(1, 65_535), (2, 13_107), (3, 26_214)]);
        let held = still_held(&set, |uid| uid != 1, 4, &rules()).unwrap();
        assert_eq!(held.0, [(2, 32_768), (3, 65_535)]);
        assert_eq!(still_held(&set, |_| true, 4, &rules()).unwrap(), set);
        let nobody = still_held(&set, |_| false, 4, &rules());
        assert_eq!(nobody, Err(NoWeights::NobodyScored));
    }

    #[test]
    fn nothing_scored_is_nothing_set() {
        assert_eq!(
            weights(&[score(1, 0)], 3, &rules()),
            Err(NoWeights::NobodyScored)
        );
        assert_eq!(weights(&[], 3, &rules()), Err(NoWeights::NobodyScored));
    }

    #[test]
    fn too_few_uids_are_refused_before_the_chain_refuses_them() {
        let rules = Hyperparameters {
            min_allowed_weights: 2,
            ..rules()
        };
        assert_eq!(
            weights(&[score(1, 9)], 3, &rules),
            Err(NoWeights::TooFew { got: 1, min: 2 })
        );
    }

    #[test]
    fn a_small_subnet_needs_no_more_uids_than_it_has() {
        let rules = Hyperparameters {
            min_allowed_weights: 8,
            ..rules()
        };
        assert!(weights(&[score(0, 9)], 1, &rules).is_ok());
    }

    #[test]
    fn a_share_above_the_limit_is_refused() {
        let rules = Hyperparameters {
            max_weights_limit: u16::MAX / 2,
            ..rules()
        };
        assert!(matches!(
            weights(&[score(1, 9), score(2, 1)], 3, &rules),
            Err(NoWeights::AboveLimit { uid: 1, .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn only_ratios_matter(points in proptest::collection::vec(0u64..1 << 40, 1..40), factor in 1u64..1 << 20) {
            let of = |factor: u64| -> Vec<Score> {
                points.iter().zip(0..).map(|(points, uid)| score(uid, points * factor)).collect()
            };
            proptest::prop_assert_eq!(weights(&of(1), 40, &rules()), weights(&of(factor), 40, &rules()));
        }

        #[test]
        fn no_points_make_it_panic(points in proptest::collection::vec(proptest::prelude::any::<u64>(), 0..300)) {
            let scores: Vec<Score> = points.iter().zip(0..).map(|(points, uid)| score(uid, *points)).collect();
            let _ = weights(&scores, 300, &rules());
        }
    }
}
