//! From a policy's points to weights the chain accepts, or the reason there are none.
//!
//! The one way weights leave the node. Integers all through: `points * 65535 /
//! max` in u128, rounded half to even, as `bittensor` does when it emits.

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
    let points: BTreeMap<Uid, u64> = scores
        .iter()
        .map(|score| (score.uid, score.points))
        .collect();
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
