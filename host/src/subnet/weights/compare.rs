//! What Bittensor's own packages make of the same points, for comparison.
//!
//! [`weights`](super::weights) is the strict way and the only one by which
//! weights leave this node. The packages differ from it and from one another:
//! 10.5.0 pads a vector that is too short and gives everybody the same when
//! nobody scored; 11.3.0 refuses both; both flatten shares above the subnet's
//! limit, where ours refuses. So an operator who comes from either can see what
//! changes.
//!
//! Their floating point is followed step by step: 10.5.0 counts in single
//! precision except where it pads, 11.3.0 in double.

use super::{NoWeights, Weights};
use crate::subnet::Uid;
use crate::subnet::chain::Hyperparameters;

/// Added by both for numerical stability.
const EPSILON: f64 = 1e-7;
/// What 10.5.0 gives whom it pads with, before it normalises.
const PADDING: f64 = 1e-5;

/// How a number is rounded after each step.
type Round = fn(f64) -> f64;

/// What bittensor 10.5.0 sends: `process_weights`, then
/// `convert_weights_and_uids_for_emit`. `points` are by uid, ascending; their
/// scale matters where it pads, and its users' are from 0 to 1.
pub fn bittensor_10(points: &[(Uid, f64)], neurons: Uid, rules: &Hyperparameters) -> Weights {
    let limit = f64::from(rules.max_weights_limit) / f64::from(u16::MAX);
    let processed = process(points, neurons, rules.min_allowed_weights.into(), limit, 0);
    emit(&processed)
}

/// What bittensor 11.3.0 sends for the neuron `own`: `clip_to_max_weight`, then
/// `normalize`. A single weight for itself is exempt from the subnet's limits.
pub fn bittensor_11(
    points: &[(Uid, f64)],
    own: Uid,
    rules: &Hyperparameters,
) -> Result<Weights, NoWeights> {
    if points.iter().all(|(_, points)| *points <= 0.0) {
        return Err(NoWeights::NobodyScored);
    }
    let is_self_weight = matches!(points, [(uid, _)] if *uid == own);
    let (uids, mut values): (Vec<Uid>, Vec<f64>) = points.iter().copied().unzip();
    if !is_self_weight && rules.max_weights_limit < u16::MAX {
        let limit = f64::from(rules.max_weights_limit) / f64::from(u16::MAX);
        values = normalize_max_weight(&values, limit, double);
    }
    let emitted = emit(&uids.into_iter().zip(values).collect::<Vec<_>>());
    let min = usize::from(rules.min_allowed_weights);
    if !is_self_weight && emitted.0.len() < min {
        return Err(NoWeights::TooFew {
            got: emitted.0.len(),
            min,
        });
    }
    Ok(emitted)
}

/// `process_weights` of 10.5.0, which takes a uid for a place in its list.
fn process(
    points: &[(Uid, f64)],
    neurons: Uid,
    min_allowed: usize,
    limit: f64,
    exclude_quantile: u16,
) -> Vec<(Uid, f64)> {
    let points = points.iter().map(|(uid, points)| (*uid, single(*points)));
    let scored: Vec<(Uid, f64)> = points.filter(|(_, points)| *points > 0.0).collect();
    if scored.is_empty() || usize::from(neurons) < min_allowed {
        let same = 1.0 / f64::from(neurons);
        return (0..neurons).map(|uid| (uid, same)).collect();
    }
    if scored.len() < min_allowed {
        let mut padded = vec![PADDING; usize::from(neurons)];
        for (uid, points) in &scored {
            if let Some(place) = padded.get_mut(usize::from(*uid)) {
                *place += points;
            }
        }
        return (0..neurons)
            .zip(normalize_max_weight(&padded, limit, double))
            .collect();
    }
    let kept = without_lowest(scored, min_allowed, exclude_quantile);
    let (uids, values): (Vec<Uid>, Vec<f64>) = kept.into_iter().unzip();
    let values = normalize_max_weight(&values, limit, single);
    uids.into_iter().zip(values).collect()
}

/// Those at or above a quantile, as far as enough are left.
fn without_lowest(
    scored: Vec<(Uid, f64)>,
    min_allowed: usize,
    exclude_quantile: u16,
) -> Vec<(Uid, f64)> {
    let count = precise(scored.len());
    let spare = precise(scored.len().saturating_sub(min_allowed)) / count;
    let quantile = (f64::from(exclude_quantile) / f64::from(u16::MAX)).min(spare);
    let sorted = sorted(scored.iter().map(|(_, points)| *points));
    // Linear between the two neighbours, as numpy has it.
    let place = quantile * (count - 1.0);
    let [below, above] = [place.floor(), place.ceil()].map(|place| {
        let mut ascending = sorted.iter().zip(0_u32..);
        let found = ascending.find(|(_, at)| f64::from(*at) >= place);
        found.map_or(0.0, |(points, _)| *points)
    });
    let lowest = single(below + (above - below) * place.fract());
    let mut kept = scored;
    kept.retain(|(_, points)| *points >= lowest);
    kept
}

/// Shares of one, none above `limit` if that is possible.
fn normalize_max_weight(values: &[f64], limit: f64, round: Round) -> Vec<f64> {
    let count = precise(values.len());
    let limit = round(limit);
    let total = sum(values, round);
    if total <= 0.0 || count * limit <= 1.0 {
        return vec![round(1.0 / count); values.len()];
    }
    let estimation = sorted(values.iter().map(|value| round(value / total)));
    if estimation.last().is_none_or(|largest| *largest <= limit) {
        return values.iter().map(|value| round(value / total)).collect();
    }
    let cutoff = round(cutoff_scale(&estimation, limit, round) * total);
    let clipped: Vec<f64> = values.iter().map(|value| value.min(cutoff)).collect();
    let total = sum(&clipped, round);
    clipped.iter().map(|value| round(value / total)).collect()
}

/// The share above which everything is cut off; `estimation` is ascending.
fn cutoff_scale(estimation: &[f64], limit: f64, round: Round) -> f64 {
    let mut sums = Vec::with_capacity(estimation.len());
    let (mut below, mut kept) = (0.0, 0);
    for (place, share) in estimation.iter().enumerate() {
        below = round(below + share);
        sums.push(below);
        let above = round(precise(estimation.len() - place - 1) * share);
        kept += usize::from(round(share / round(round(above + below) + EPSILON)) < limit);
    }
    // Python's place -1 is the last.
    let kept_sum = match kept {
        0 => below,
        _ => sums[kept - 1],
    };
    let cut = precise(estimation.len() - kept);
    round(round(limit * kept_sum - EPSILON) / round(1.0 - limit * cut))
}

/// Max-upscaled to u16, halves to even, zeros dropped: the same in both.
fn emit(processed: &[(Uid, f64)]) -> Weights {
    let max = processed
        .iter()
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    if max <= 0.0 {
        return Weights::default();
    }
    let emitted = processed
        .iter()
        .map(|(uid, value)| (*uid, whole(value / max)));
    Weights(emitted.filter(|(_, value)| *value > 0).collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share from 0 to 1 times u16::MAX, rounded, fits u16; a cast saturates"
)]
fn whole(share: f64) -> u16 {
    (share * f64::from(u16::MAX)).round_ties_even() as u16
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn sum(values: &[f64], round: Round) -> f64 {
    values.iter().fold(0.0, |sum, value| round(sum + value))
}

/// A number of neurons, of which there are at most 65,536.
fn precise(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn double(value: f64) -> f64 {
    value
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "single precision is what 10.5.0 counts in"
)]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

#[cfg(test)]
mod tests;
