//! From standings to points.

use std::collections::BTreeSet;

use crate::{
    bindings::exports::compute::subnet::scoring::{Epoch, Miner, Score},
    reason,
    settings::{Curve, Settings},
    standing::{Proven, Standing, standing},
};

/// What `flat` pays everybody.
const FLAT_AMOUNT: u64 = 1_000_000;
/// The most that a miner can be paid: sums over all uids stay within 128 bits.
const AMOUNT_MAX: u128 = 1 << 62;
/// After this many epochs nothing is left to carry over.
const EPOCHS_CARRIED_MAX: u64 = 64;
const SHARE_BITS: u32 = 32;

/// A miner's points, on the way.
struct Pay<'a> {
    miner: &'a Miner,
    standing: Standing,
    now: u64,
}

/// Scores every miner, once each.
#[must_use]
pub fn evaluate(settings: &Settings, epoch: &Epoch, miners: &[Miner]) -> Vec<Score> {
    let mut seen = BTreeSet::new();
    let pays: Vec<Pay<'_>> = miners
        .iter()
        .filter(|miner| seen.insert(miner.uid))
        .map(|miner| pay(settings, epoch, miner))
        .collect();
    let carried = Carried::new(settings, epoch, &pays);
    pays.iter()
        .map(|pay| {
            let points = carried.smooth(settings, pay);
            Score {
                uid: pay.miner.uid,
                points,
                reason: reason::line(settings, pay.miner, &pay.standing, points),
            }
        })
        .collect()
}

fn pay<'a>(settings: &Settings, epoch: &Epoch, miner: &'a Miner) -> Pay<'a> {
    let standing = standing(settings, epoch, miner);
    let now = match &standing {
        Standing::Proven(proven) => worth(settings, miner, proven),
        Standing::Failed { .. } | Standing::Silent { .. } | Standing::New => 0,
    };
    Pay {
        miner,
        standing,
        now,
    }
}

fn worth(settings: &Settings, miner: &Miner, proven: &Proven) -> u64 {
    if proven.mops < settings.floor_mops {
        return 0;
    }
    let availability = u64::from(miner.availability_permille.min(1_000));
    let amount = u128::from(amount(settings.curve, proven.mops));
    let micro = weighted(settings.availability_weight_permille, availability)
        * weighted(settings.price_weight_permille, proven.cheapness_permille);
    let worth = (amount * micro / 1_000_000_000_000).min(AMOUNT_MAX);
    u64::try_from(worth).unwrap_or(u64::MAX)
}

/// The pay before anything is weighed.
fn amount(curve: Curve, mops: u64) -> u64 {
    match curve {
        Curve::Linear => mops,
        // Of operations a second, so that small machines still differ.
        Curve::SquareRoot => {
            u64::try_from((u128::from(mops) * 1_000_000).isqrt()).unwrap_or(u64::MAX)
        }
        Curve::Flat => FLAT_AMOUNT,
    }
}

/// 1 - w + w * x, in millionths, for w and x in thousandths.
fn weighted(weight_permille: u64, permille: u64) -> u128 {
    let rest = 1_000_u64.saturating_sub(weight_permille);
    u128::from(rest) * 1_000 + u128::from(weight_permille) * u128::from(permille)
}

/// What is carried over from the epoch before, in this epoch's unit.
struct Carried {
    permille: u64,
    now_total: u128,
    before_total: u128,
}

impl Carried {
    fn new(settings: &Settings, epoch: &Epoch, pays: &[Pay<'_>]) -> Self {
        Self {
            permille: carried_permille(settings, epoch),
            now_total: pays.iter().map(|pay| u128::from(pay.now)).sum(),
            before_total: pays
                .iter()
                .map(|pay| u128::from(pay.miner.previous_points))
                .sum(),
        }
    }

    fn smooth(&self, settings: &Settings, pay: &Pay<'_>) -> u64 {
        let smoothed = u128::from(pay.now) * u128::from(1_000 - self.permille)
            + self.before(pay.miner.previous_points) * u128::from(self.permille);
        let smoothed = u64::try_from(smoothed / 1_000).unwrap_or(u64::MAX);
        match &pay.standing {
            Standing::Proven(proven) if proven.mops < settings.floor_mops => 0,
            Standing::Proven(proven) if proven.failed > 0 => smoothed.min(pay.now),
            Standing::Proven(_) | Standing::Silent { .. } => smoothed,
            Standing::Failed { .. } | Standing::New => 0,
        }
    }

    /// Last epoch's share of all points, as a part of this epoch's.
    fn before(&self, previous_points: u64) -> u128 {
        if self.now_total == 0 {
            return u128::from(previous_points).min(AMOUNT_MAX);
        }
        let scaled = u128::from(previous_points) << SHARE_BITS;
        let share = scaled.checked_div(self.before_total).unwrap_or(0);
        (share * self.now_total) >> SHARE_BITS
    }
}

/// The smoothing, to the power of the epochs that have passed.
fn carried_permille(settings: &Settings, epoch: &Epoch) -> u64 {
    let Some(previous) = epoch.previous_block else {
        return 0;
    };
    let blocks = epoch.block.saturating_sub(previous);
    let half = settings.epoch_blocks / 2;
    let epochs = blocks.saturating_add(half) / settings.epoch_blocks;
    (1..epochs.min(EPOCHS_CARRIED_MAX)).fold(settings.smoothing_permille, |carried, _| {
        carried * settings.smoothing_permille / 1_000
    })
}
