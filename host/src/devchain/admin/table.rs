//! The changes that write one storage item.

use super::{ItemChange, PALLET, Who, error};
use crate::devchain::dispatch::{Context, DispatchError};
use crate::devchain::limits::{Hyperparameter as H, Limit};
use crate::devchain::mechanism;
use crate::devchain::registration::Bits128;
use crate::devchain::state::SUBTENSOR;

/// The event that tells of a change, by pallet and name.
type Event = Option<(&'static str, &'static str)>;

/// An event of subtensor's pallet.
const fn tells(name: &'static str) -> Event {
    Some((SUBTENSOR, name))
}

/// An event of this pallet's own.
const fn tells_itself(name: &'static str) -> Event {
    Some((PALLET, name))
}

/// Bounds that a value must keep.
type Check = fn(&Context<'_, '_>, &ItemChange) -> Result<(), DispatchError>;

/// One call.
#[derive(Debug)]
pub(super) struct Rule {
    call: &'static str,
    /// The storage item, of subtensor's pallet.
    pub(super) item: &'static str,
    pub(super) event: Event,
    pub(super) who: Who,
    /// Whether it waits while the freeze window is closed.
    pub(super) frozen: bool,
    pub(super) check: Check,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.call == other.call
    }
}

impl Eq for Rule {}

/// The rule of a call.
pub(super) fn rule(call: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.call == call)
}

/// A change of a subnet's owner.
const fn owner(
    call: &'static str,
    item: &'static str,
    event: Event,
    limited: H,
    check: Check,
) -> Rule {
    Rule {
        call,
        item,
        event,
        who: Who::Owner(Limit::Hyperparameter(limited)),
        frozen: true,
        check,
    }
}

/// A change of root's.
const fn root(call: &'static str, item: &'static str, event: Event, check: Check) -> Rule {
    Rule {
        call,
        item,
        event,
        who: Who::Root,
        frozen: false,
        check,
    }
}

/// A change of root's that waits while the freeze window is closed.
const fn frozen_root(call: &'static str, item: &'static str, event: Event, check: Check) -> Rule {
    Rule {
        frozen: true,
        ..root(call, item, event, check)
    }
}

#[rustfmt::skip]
static RULES: &[Rule] = &[
    owner("sudo_set_serving_rate_limit", "ServingRateLimit", tells("ServingRateLimitSet"), H::ServingRateLimit, any),
    owner("sudo_set_max_difficulty", "MaxDifficulty", tells("MaxDifficultySet"), H::MaxDifficulty, any),
    owner("sudo_set_adjustment_alpha", "AdjustmentAlpha", tells("AdjustmentAlphaSet"), H::AdjustmentAlpha, any),
    owner("sudo_set_immunity_period", "ImmunityPeriod", tells("ImmunityPeriodSet"), H::ImmunityPeriod, any),
    owner("sudo_set_min_allowed_weights", "MinAllowedWeights", tells("MinAllowedWeightSet"), H::MinAllowedWeights, any),
    owner("sudo_set_max_allowed_uids", "MaxAllowedUids", tells("MaxAllowedUidsSet"), H::MaxAllowedUids, uids),
    owner("sudo_set_rho", "Rho", tells("RhoSet"), H::Rho, any),
    owner("sudo_set_activity_cutoff", "ActivityCutoff", tells("ActivityCutoffSet"), H::ActivityCutoff, cutoff),
    owner("sudo_set_min_burn", "MinBurn", tells("MinBurnSet"), H::MinBurn, min_burn),
    owner("sudo_set_max_burn", "MaxBurn", tells("MaxBurnSet"), H::MaxBurn, max_burn),
    owner("sudo_set_bonds_moving_average", "BondsMovingAverage", tells("BondsMovingAverageSet"), H::BondsMovingAverage, moving_average),
    owner("sudo_set_bonds_penalty", "BondsPenalty", tells("BondsPenaltySet"), H::BondsPenalty, any),
    owner("sudo_set_commit_reveal_weights_enabled", "CommitRevealWeightsEnabled", tells("CommitRevealEnabled"), H::CommitRevealEnabled, any),
    owner("sudo_set_commit_reveal_weights_interval", "RevealPeriodEpochs", tells("CommitRevealPeriodsSet"), H::WeightCommitInterval, reveal_period),
    owner("sudo_set_toggle_transfer", "TransferToggle", tells("TransferToggle"), H::TransferEnabled, any),
    owner("sudo_set_alpha_sigmoid_steepness", "AlphaSigmoidSteepness", tells("AlphaSigmoidSteepnessSet"), H::AlphaSigmoidSteepness, any),
    owner("sudo_set_liquid_alpha_enabled", "LiquidAlphaOn", None, H::LiquidAlphaEnabled, off),
    owner("sudo_set_yuma3_enabled", "Yuma3On", tells_itself("Yuma3EnableToggled"), H::Yuma3Enabled, off),
    owner("sudo_set_bonds_reset_enabled", "BondsResetOn", tells_itself("BondsResetToggled"), H::BondsResetEnabled, off),
    owner("sudo_set_owner_immune_neuron_limit", "ImmuneOwnerUidsLimit", None, H::ImmuneNeuronLimit, immune_owners),
    owner("sudo_set_recycle_or_burn", "RecycleOrBurn", None, H::RecycleOrBurn, any),
    owner("sudo_set_burn_half_life", "BurnHalfLife", tells_itself("BurnHalfLifeSet"), H::BurnHalfLife, half_life),
    owner("sudo_set_burn_increase_mult", "BurnIncreaseMult", tells_itself("BurnIncreaseMultSet"), H::BurnIncreaseMult, increase),
    Rule { who: Who::Owner(Limit::WeightsVersionKey), ..owner("sudo_set_weights_version_key", "WeightsVersionKey", tells("WeightsVersionKeySet"), H::Rho, any) },
    Rule { who: Who::Owner(Limit::Unlimited), ..owner("sudo_set_owner_cut_enabled", "OwnerCutEnabled", None, H::Rho, any) },
    root("sudo_set_weights_set_rate_limit", "WeightsSetRateLimit", tells("WeightsSetRateLimitSet"), any),
    root("sudo_set_adjustment_interval", "AdjustmentInterval", tells("AdjustmentIntervalSet"), any),
    root("sudo_set_kappa", "Kappa", tells("KappaSet"), any),
    root("sudo_set_network_registration_allowed", "NetworkRegistrationAllowed", tells("RegistrationAllowed"), any),
    root("sudo_set_subnet_owner_cut", "SubnetOwnerCut", tells("SubnetOwnerCutSet"), any),
    root("sudo_set_network_rate_limit", "NetworkRateLimit", tells("NetworkRateLimitSet"), any),
    root("sudo_set_network_min_lock_cost", "NetworkMinLockCost", tells("NetworkMinLockCostSet"), any),
    root("sudo_set_lock_reduction_interval", "NetworkLockReductionInterval", tells("NetworkLockCostReductionIntervalSet"), any),
    root("sudo_set_subnet_limit", "SubnetLimit", tells("SubnetLimitSet"), any),
    root("sudo_set_stake_threshold", "StakeThreshold", tells("StakeThresholdSet"), any),
    root("sudo_set_commit_reveal_version", "CommitRevealWeightsVersion", tells("CommitRevealVersionSet"), any),
    root("sudo_set_admin_freeze_window", "AdminFreezeWindow", tells("AdminFreezeWindowSet"), any),
    root("sudo_set_owner_hparam_rate_limit", "OwnerHyperparamRateLimit", tells("OwnerHyperparamRateLimitSet"), any),
    root("sudo_set_max_mechanism_count", "MaxMechanismCount", None, mechanisms),
    root("sudo_set_min_non_immune_uids", "MinNonImmuneUids", tells("MinNonImmuneUidsSet"), any),
    root("sudo_set_start_call_delay", "StartCallDelay", tells("StartCallDelaySet"), any),
    frozen_root("sudo_set_min_difficulty", "MinDifficulty", tells("MinDifficultySet"), any),
    frozen_root("sudo_set_difficulty", "Difficulty", tells("DifficultySet"), any),
    frozen_root("sudo_set_target_registrations_per_interval", "TargetRegistrationsPerInterval", tells("RegistrationPerIntervalSet"), any),
    frozen_root("sudo_set_max_allowed_validators", "MaxAllowedValidators", tells("MaxAllowedValidatorsSet"), validators),
    frozen_root("sudo_set_max_registrations_per_block", "MaxRegistrationsPerBlock", tells("MaxRegistrationsPerBlockSet"), any),
    frozen_root("sudo_set_min_allowed_uids", "MinAllowedUids", tells("MinAllowedUidsSet"), min_uids),
    frozen_root("sudo_set_subtoken_enabled", "SubtokenEnabled", None, any),
];

fn any(_: &Context<'_, '_>, _: &ItemChange) -> Result<(), DispatchError> {
    Ok(())
}

/// What this chain does not do may be switched off, not on.
fn off(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    match change.flag(context)? {
        false => Ok(()),
        true => Err(DispatchError::Module {
            pallet: "System",
            name: "CallFiltered",
        }),
    }
}

fn within(
    context: &Context<'_, '_>,
    change: &ItemChange,
    bounds: std::ops::RangeInclusive<u128>,
    otherwise: DispatchError,
) -> Result<(), DispatchError> {
    match bounds.contains(&change.number(context)?) {
        true => Ok(()),
        false => Err(otherwise),
    }
}

fn of_subnet<T: scale_decode::DecodeAsType>(
    context: &Context<'_, '_>,
    change: &ItemChange,
    item: &str,
) -> Result<T, DispatchError> {
    let netuid = change.netuid.unwrap_or(0);
    Ok(context.state.subtensor(item, &[netuid.into()])?)
}

fn constant(context: &Context<'_, '_>, name: &str) -> Result<u128, DispatchError> {
    let codec = context.state.codec();
    Ok(codec.constant_as::<u128>(SUBTENSOR, name)?)
}

fn uids(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let value = change.number(context)?;
    if value < u128::from(of_subnet::<u16>(context, change, "MinAllowedUids")?) {
        return Err(error("MaxAllowedUidsLessThanMinAllowedUids"));
    }
    if value < u128::from(of_subnet::<u16>(context, change, "SubnetworkN")?) {
        return Err(error("MaxAllowedUIdsLessThanCurrentUIds"));
    }
    if value > constant(context, "InitialMaxAllowedUids")? {
        return Err(error("MaxAllowedUidsGreaterThanDefaultMaxAllowedUids"));
    }
    let count = mechanism::count(context.state, change.netuid.unwrap_or(0))?;
    mechanism::uids_fit(u16::try_from(value).unwrap_or(u16::MAX), count)
}

fn min_uids(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let value = change.number(context)?;
    if value >= u128::from(of_subnet::<u16>(context, change, "MaxAllowedUids")?) {
        return Err(error("MinAllowedUidsGreaterThanMaxAllowedUids"));
    }
    match value < u128::from(of_subnet::<u16>(context, change, "SubnetworkN")?) {
        true => Ok(()),
        false => Err(error("MinAllowedUidsGreaterThanCurrentUids")),
    }
}

fn validators(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let most = u128::from(of_subnet::<u16>(context, change, "MaxAllowedUids")?);
    let refusal = error("MaxValidatorsLargerThanMaxUIds");
    within(context, change, 0..=most, refusal)
}

fn cutoff(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let least: u16 = context.state.subtensor("MinActivityCutoff", &[])?;
    let refusal = DispatchError::subtensor("ActivityCutoffTooLow");
    within(context, change, u128::from(least)..=u128::MAX, refusal)
}

fn min_burn(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let below = u128::from(of_subnet::<u64>(context, change, "MaxBurn")?);
    let below = below.min(constant(context, "MinBurnUpperBound")?);
    let bounds = 0..=below.saturating_sub(1);
    within(context, change, bounds, error("ValueNotInBounds"))
}

fn max_burn(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let above = u128::from(of_subnet::<u64>(context, change, "MinBurn")?);
    let above = above.max(constant(context, "MaxBurnLowerBound")?);
    let bounds = above.saturating_add(1)..=u128::MAX;
    within(context, change, bounds, error("ValueNotInBounds"))
}

fn moving_average(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    // More would keep bonds from ever following weights.
    let refusal = error("BondsMovingAverageMaxReached");
    within(context, change, 0..=975_000, refusal)
}

fn reveal_period(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    match change.number(context)? {
        0 => Err(DispatchError::subtensor("RevealPeriodTooSmall")),
        1..=100 => Ok(()),
        _ => Err(DispatchError::subtensor("RevealPeriodTooLarge")),
    }
}

fn immune_owners(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let refusal = DispatchError::subtensor("InvalidValue");
    within(context, change, 1..=10, refusal)
}

fn half_life(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    within(context, change, 1..=36_100, error("InvalidValue"))
}

fn increase(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let codec = context.state.codec();
    let factor: Bits128 = codec.decode(&change.value.0, change.type_id)?;
    match (1 << 64..=3 << 64).contains(&factor.bits) {
        true => Ok(()),
        false => Err(error("InvalidValue")),
    }
}

fn mechanisms(context: &Context<'_, '_>, change: &ItemChange) -> Result<(), DispatchError> {
    let refusal = DispatchError::subtensor("InvalidValue");
    within(context, change, 1..=16, refusal)
}
