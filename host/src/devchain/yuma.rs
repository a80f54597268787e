//! Yuma consensus: what validators say of miners, made into what each earns.
//!
//! A pure function of one epoch's inputs, after subtensor's rules (its dense
//! form, Yuma 2 bonds, no liquid alpha), in fixed point with 32 fractional bits
//! that rounds down like subtensor's, so that it gives the same on every machine:
//!
//! 1. Stake below the threshold does not count, except the owner's. Active stake
//!    is that of permitted validators who set weights lately.
//! 2. Weights count if their validator has a permit, not for itself (except the
//!    owner), and not for a neuron that took its slot after they were set.
//! 3. A miner's consensus is the highest weight that validators with more than
//!    half the stake (kappa) give at least; what is above it is clipped off.
//! 4. Incentive is the stake-weighted sum of clipped weights. Bonds are a moving
//!    average of each validator's part in it, dividends what bonds earn.

mod fixed;
mod matrix;

use fixed::Q32;
use matrix::{Matrix, normalize};

/// One epoch's inputs; vectors by uid.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    /// The block of the epoch.
    pub(super) block: u64,
    /// Blocks after which a silent validator counts no more.
    pub(super) activity_cutoff: u64,
    /// The subnet owner's uid.
    pub(super) owner: Option<usize>,
    /// Stake that counts, in rao.
    pub(super) stake: Vec<u64>,
    /// Least stake of a validator, in rao.
    pub(super) stake_threshold: u64,
    /// Who may validate.
    pub(super) permits: Vec<bool>,
    /// How many may next.
    pub(super) max_validators: u16,
    /// When each last set weights.
    pub(super) last_update: Vec<u64>,
    /// When each took its slot.
    pub(super) registered: Vec<u64>,
    /// Weights by validator.
    pub(super) weights: Vec<Vec<(u16, u16)>>,
    /// Bonds by validator.
    pub(super) bonds: Vec<Vec<(u16, u16)>>,
    /// Bonds of slots taken at or after this block are void.
    pub(super) bonds_since: u64,
    /// The majority, of `u16::MAX`.
    pub(super) kappa: u16,
    /// How far bonds follow clipped weights, of `u16::MAX`.
    pub(super) bonds_penalty: u16,
    /// How much of the old bonds stays, in millionths.
    pub(super) bonds_moving_average: u64,
    /// What there is to hand out, in rao.
    pub(super) emission: u64,
}

/// One epoch's result; vectors by uid, shares of `u16::MAX`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Set weights lately.
    pub(super) active: Vec<bool>,
    /// May validate next.
    pub(super) permits: Vec<bool>,
    /// Share of the stake.
    pub(super) stake_weight: Vec<u16>,
    /// What the majority gives at least.
    pub(super) consensus: Vec<u16>,
    /// Share of what miners earn.
    pub(super) incentive: Vec<u16>,
    /// Share of what validators earn.
    pub(super) dividends: Vec<u16>,
    /// Part of a validator's weights that the majority shares.
    pub(super) validator_trust: Vec<u16>,
    /// What each earned as a miner, in rao.
    pub(super) server_emission: Vec<u64>,
    /// What each earned as a validator, in rao.
    pub(super) validator_emission: Vec<u64>,
    /// Both, in rao.
    pub(super) emission: Vec<u64>,
    /// Bonds by validator.
    pub(super) bonds: Vec<Vec<(u16, u16)>>,
}

/// Runs an epoch.
pub(super) fn epoch(inputs: &Inputs) -> Outcome {
    let size = inputs.stake.len();
    let active: Vec<bool> = inputs
        .last_update
        .iter()
        .map(|last| last.saturating_add(inputs.activity_cutoff) >= inputs.block)
        .collect();
    let stake = counted_stake(inputs);
    let permitted =
        |uid: usize| inputs.owner == Some(uid) || inputs.permits.get(uid).copied().unwrap_or(false);
    let mut voting = stake.clone();
    for (uid, stake) in voting.iter_mut().enumerate() {
        if !permitted(uid) || !active.get(uid).copied().unwrap_or(false) {
            *stake = Q32::ZERO;
        }
    }
    normalize(&mut voting);

    let weights = counted_weights(inputs, permitted);
    let consensus = weights.weighted_median(&voting, Q32::of_u16(inputs.kappa));
    let clipped = weights.clipped(&consensus);
    let mut incentive = clipped.columns_weighted(&voting);
    normalize(&mut incentive);
    let bonds = moved_bonds(inputs, &weights, &clipped, &voting);
    let mut dividends = bonds.rows_weighted(&incentive);
    normalize(&mut dividends);

    let permits = next_permits(inputs, &stake);
    let payout = Payout::new(&incentive, &dividends, &voting, &stake);
    Outcome {
        active,
        stake_weight: shares(&stake),
        consensus: shares(&consensus),
        incentive: shares(&incentive),
        dividends: shares(&dividends),
        validator_trust: shares(&clipped.row_sums()),
        server_emission: payout.rao(&payout.server, inputs.emission),
        validator_emission: payout.rao(&payout.validator, inputs.emission),
        emission: payout.rao(&payout.combined, inputs.emission),
        bonds: stored_bonds(bonds, &permits, size),
        permits,
    }
}

/// Each neuron's share of the stake that is enough to count.
fn counted_stake(inputs: &Inputs) -> Vec<Q32> {
    let counted: Vec<u64> = inputs
        .stake
        .iter()
        .enumerate()
        .map(|(uid, stake)| match inputs.owner == Some(uid) {
            false if *stake < inputs.stake_threshold => 0,
            _ => *stake,
        })
        .collect();
    let sum: u128 = counted.iter().copied().map(u128::from).sum();
    counted
        .iter()
        .map(|stake| Q32::ratio(u128::from(*stake), sum))
        .collect()
}

/// The validators with the most stake, and the owner.
fn next_permits(inputs: &Inputs, stake: &[Q32]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..stake.len()).collect();
    order.sort_by_key(|uid| std::cmp::Reverse(stake[*uid]));
    let mut permits = vec![false; stake.len()];
    for uid in order.into_iter().take(usize::from(inputs.max_validators)) {
        permits[uid] = stake[uid] > Q32::ZERO;
    }
    if let Some(owner) = inputs.owner.and_then(|uid| permits.get_mut(uid)) {
        *owner = true;
    }
    permits
}

/// The weights that count, each row adding up to one.
fn counted_weights(inputs: &Inputs, permitted: impl Fn(usize) -> bool) -> Matrix {
    let mut weights = Matrix::of_u16(inputs.stake.len(), &inputs.weights);
    weights.keep(|row, column| {
        let last = inputs.last_update.get(row).copied().unwrap_or(0);
        let registered = inputs.registered.get(column).copied().unwrap_or(u64::MAX);
        permitted(row) && (row != column || inputs.owner == Some(row)) && last > registered
    });
    weights.normalize_rows();
    weights
}

/// Old bonds moved towards what this epoch's weights give; columns add up to one.
fn moved_bonds(inputs: &Inputs, weights: &Matrix, clipped: &Matrix, voting: &[Q32]) -> Matrix {
    let penalty = Q32::of_u16(inputs.bonds_penalty);
    let mut old = Matrix::of_u16(inputs.stake.len(), &inputs.bonds);
    old.keep(|_, column| {
        inputs
            .registered
            .get(column)
            .is_some_and(|registered| *registered < inputs.bonds_since)
    });
    old.normalize_columns();
    let mut new = weights.interpolated(clipped, penalty);
    new.scale_rows(voting);
    new.normalize_columns();
    let kept = Q32::ratio(u128::from(inputs.bonds_moving_average), 1_000_000);
    let mut moved = new.blended(&old, Q32::ONE.minus(kept));
    moved.normalize_columns();
    moved
}

/// Bonds as storage holds them: columns scaled to a maximum of one.
fn stored_bonds(mut bonds: Matrix, permits: &[bool], size: usize) -> Vec<Vec<(u16, u16)>> {
    bonds.upscale_columns();
    (0..size)
        .map(|uid| match permits.get(uid) {
            Some(true) => bonds.sparse_row(uid),
            _ => Vec::new(),
        })
        .collect()
}

/// Who gets what part of the emission.
struct Payout {
    server: Vec<Q32>,
    validator: Vec<Q32>,
    combined: Vec<Q32>,
}

impl Payout {
    /// Half to miners and half to validators; all by stake if nobody was weighed.
    fn new(incentive: &[Q32], dividends: &[Q32], voting: &[Q32], stake: &[Q32]) -> Self {
        let combined: Vec<Q32> = incentive
            .iter()
            .zip(dividends)
            .map(|(incentive, dividend)| incentive.plus(*dividend))
            .collect();
        let sum = Q32::sum(&combined);
        if sum == Q32::ZERO {
            let by = match Q32::sum(voting) {
                Q32::ZERO => stake,
                _ => voting,
            };
            return Self {
                server: incentive.to_vec(),
                validator: by.to_vec(),
                combined: by.to_vec(),
            };
        }
        let part = |all: &[Q32]| all.iter().map(|share| share.over(sum)).collect();
        Self {
            server: part(incentive),
            validator: part(dividends),
            combined: part(&combined),
        }
    }

    fn rao(&self, shares: &[Q32], emission: u64) -> Vec<u64> {
        shares.iter().map(|share| share.of(emission)).collect()
    }
}

fn shares(all: &[Q32]) -> Vec<u16> {
    all.iter().map(|share| share.to_u16()).collect()
}

#[cfg(test)]
mod tests;
