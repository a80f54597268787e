//! One outcome of several: what a subnet's mechanisms come to together.

use super::super::yuma::Outcome;

/// Adds up what was earned; the rest is the mean by each mechanism's part of
/// the emission. Who is active or permitted in one of them is so.
pub(super) fn of(outcomes: &[(Outcome, u64)], emission: u64) -> Outcome {
    let mut sum = Outcome::default();
    for (mecid, (outcome, share)) in outcomes.iter().enumerate() {
        // Without emission, mechanism 0 counts alone.
        let part = match (emission, mecid) {
            (0, 0) => (1, 1),
            (0, _) => (0, 1),
            (all, _) => (u128::from(*share), u128::from(all)),
        };
        either(&mut sum.active, &outcome.active);
        either(&mut sum.permits, &outcome.permits);
        mean(&mut sum.stake_weight, &outcome.stake_weight, part);
        mean(&mut sum.consensus, &outcome.consensus, part);
        mean(&mut sum.dividends, &outcome.dividends, part);
        mean(&mut sum.validator_trust, &outcome.validator_trust, part);
        add(&mut sum.server_emission, &outcome.server_emission);
        add(&mut sum.validator_emission, &outcome.validator_emission);
        add(&mut sum.emission, &outcome.emission);
    }
    sum
}

fn either(all: &mut Vec<bool>, more: &[bool]) {
    all.resize(more.len(), false);
    for (all, more) in all.iter_mut().zip(more) {
        *all |= more;
    }
}

fn mean(all: &mut Vec<u16>, more: &[u16], (part, whole): (u128, u128)) {
    all.resize(more.len(), 0);
    for (all, more) in all.iter_mut().zip(more) {
        let weighted = u128::from(*more) * part / whole;
        *all = all.saturating_add(u16::try_from(weighted).unwrap_or(u16::MAX));
    }
}

fn add(all: &mut Vec<u64>, more: &[u64]) {
    all.resize(more.len(), 0);
    for (all, more) in all.iter_mut().zip(more) {
        *all = all.saturating_add(*more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(emission: u64, dividends: u16) -> Outcome {
        Outcome {
            active: vec![true, false],
            permits: vec![false, true],
            stake_weight: vec![0; 2],
            consensus: vec![0; 2],
            dividends: vec![dividends, 0],
            validator_trust: vec![0; 2],
            server_emission: vec![emission, 1],
            validator_emission: vec![0; 2],
            emission: vec![emission, 1],
            ..Outcome::default()
        }
    }

    #[test]
    fn emission_adds_up_and_shares_are_weighed() {
        let sum = of(&[(outcome(10, 60_000), 3), (outcome(5, 20_000), 1)], 4);
        assert_eq!(sum.server_emission, [15, 2]);
        assert_eq!(sum.dividends, [50_000, 0]);
        assert_eq!(sum.active, [true, false]);
    }

    #[test]
    fn without_emission_the_first_mechanism_counts() {
        let sum = of(&[(outcome(0, 60_000), 0), (outcome(0, 20_000), 0)], 0);
        assert_eq!(sum.dividends, [60_000, 0]);
    }
}
