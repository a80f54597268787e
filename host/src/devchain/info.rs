//! Facts about a subnet and its neurons, by the names the runtime's own result
//! types give their fields.
//!
//! `Metagraph`, `SubnetHyperparams`, `DynamicInfo` and the like are different
//! selections of the same facts. So the facts are gathered once, by field name,
//! and a result is whatever fields its type in the metadata declares: a field
//! nobody knows is an error, never a silent zero.

mod neuron;

use std::collections::BTreeMap;

use scale_value::Value;

use super::call::Identity;
use super::codec::{Codec, CodecError};
use super::event::{account, number};
use super::genesis::NETUID;
use super::mechanism;
use super::registration::Bits128;
use super::schedule::activity_cutoff;
use super::state::{SUBTENSOR, State};

pub(super) use neuron::{neuron, neurons};

/// The first subnet's name; others have that of their identity.
const FIRST_NAME: &[u8] = b"Compute";
/// A subnet without a name.
const NO_NAME: &[u8] = b"unknown";

/// Values by field name.
pub(super) type Facts = BTreeMap<&'static str, Value<()>>;

/// A result of a struct type: each field its type declares, from `facts`.
pub(super) fn select(codec: &Codec, type_id: u32, facts: &Facts) -> Result<Value<()>, CodecError> {
    let mut fields = Vec::new();
    for (name, _) in struct_fields(codec, type_id)? {
        let value = facts
            .get(name)
            .ok_or_else(|| CodecError(format!("no fact {name}")))?;
        fields.push((name.to_owned(), value.clone()));
    }
    Ok(Value::named_composite(fields))
}

/// A result whose fields are options: those at `indices` are there.
pub(super) fn select_some(
    codec: &Codec,
    type_id: u32,
    indices: &[u16],
    facts: &Facts,
) -> Result<Value<()>, CodecError> {
    let mut fields = Vec::new();
    for (index, (name, _)) in (0_u16..).zip(struct_fields(codec, type_id)?) {
        let fact = facts.get(name);
        let value = match fact {
            Some(fact) if index == 0 => fact.clone(),
            Some(fact) if indices.contains(&index) => some(fact.clone()),
            None if indices.contains(&index) => {
                return Err(CodecError(format!("no fact {name}")));
            }
            _ => none(),
        };
        fields.push((name.to_owned(), value));
    }
    Ok(Value::named_composite(fields))
}

/// The named fields of a struct type.
pub(super) fn struct_fields(codec: &Codec, type_id: u32) -> Result<Vec<(&str, u32)>, CodecError> {
    match codec.types().resolve(type_id).map(|found| &found.type_def) {
        Some(scale_info::TypeDef::Composite(composite)) => Ok(composite
            .fields
            .iter()
            .filter_map(|field| Some((field.name.as_deref()?, field.ty.id)))
            .collect()),
        _ => Err(CodecError("not a struct".into())),
    }
}

/// Everything known about a subnet, its neurons as one of its mechanisms has
/// them; `None` if there is no such one.
pub(super) fn subnet(
    state: &State<'_>,
    netuid: u16,
    mecid: u8,
    block: u64,
) -> Result<Option<Facts>, CodecError> {
    let added: bool = state.subtensor("NetworksAdded", &[netuid.into()])?;
    if !added || mecid >= mechanism::count(state, netuid)? {
        return Ok(None);
    }
    let mut facts = Facts::new();
    facts.insert("netuid", number(u64::from(netuid)));
    facts.insert("block", number(block));
    rules(state, netuid, &mut facts)?;
    economy(state, netuid, &mut facts)?;
    identity(state, netuid, &mut facts)?;
    neuron::columns(state, netuid, mechanism::index(netuid, mecid), &mut facts)?;
    Ok(Some(facts))
}

/// Hyperparameters that are one number in storage: field, item.
const NUMBERS_U16: [(&str, &str); 17] = [
    ("rho", "Rho"),
    ("kappa", "Kappa"),
    ("immunity_period", "ImmunityPeriod"),
    ("min_allowed_weights", "MinAllowedWeights"),
    ("max_weights_limit", "MaxWeightsLimit"),
    ("tempo", "Tempo"),
    ("adjustment_interval", "AdjustmentInterval"),
    ("target_regs_per_interval", "TargetRegistrationsPerInterval"),
    ("max_regs_per_block", "MaxRegistrationsPerBlock"),
    ("max_validators", "MaxAllowedValidators"),
    ("max_uids", "MaxAllowedUids"),
    ("num_uids", "SubnetworkN"),
    ("scaling_law_power", "ScalingLawPower"),
    ("network_modality", "SubnetMechanism"),
    ("burn_half_life", "BurnHalfLife"),
    ("collateral_lock_share", "CollateralLockShare"),
    ("min_childkey_take", "MinChildkeyTakePerSubnet"),
];

/// The same with 64 bits.
const NUMBERS_U64: [(&str, &str); 14] = [
    ("min_difficulty", "MinDifficulty"),
    ("max_difficulty", "MaxDifficulty"),
    ("difficulty", "Difficulty"),
    ("weights_version", "WeightsVersionKey"),
    ("weights_rate_limit", "WeightsSetRateLimit"),
    ("min_burn", "MinBurn"),
    ("max_burn", "MaxBurn"),
    ("burn", "Burn"),
    ("bonds_moving_avg", "BondsMovingAverage"),
    ("serving_rate_limit", "ServingRateLimit"),
    ("adjustment_alpha", "AdjustmentAlpha"),
    ("network_registered_at", "NetworkRegisteredAt"),
    ("blocks_since_last_step", "BlocksSinceLastStep"),
    ("last_step", "LastMechansimStepBlock"),
];

/// The same with one bit.
const FLAGS: [(&str, &str); 8] = [
    ("registration_allowed", "NetworkRegistrationAllowed"),
    ("pow_registration_allowed", "NetworkPowRegistrationAllowed"),
    (
        "commit_reveal_weights_enabled",
        "CommitRevealWeightsEnabled",
    ),
    ("subnet_is_active", "SubtokenEnabled"),
    ("transfers_enabled", "TransferToggle"),
    ("bonds_reset_enabled", "BondsResetOn"),
    ("owner_cut_enabled", "OwnerCutEnabled"),
    ("owner_cut_auto_lock_enabled", "OwnerCutAutoLockEnabled"),
];

fn rules(state: &State<'_>, netuid: u16, facts: &mut Facts) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    for (field, item) in NUMBERS_U16 {
        let value: u16 = state.subtensor(item, of_subnet)?;
        facts.insert(field, number(u64::from(value)));
    }
    for (field, item) in NUMBERS_U64 {
        facts.insert(field, number(state.subtensor(item, of_subnet)?));
    }
    for (field, item) in FLAGS {
        facts.insert(field, Value::bool(state.subtensor(item, of_subnet)?));
    }
    let (low, high): (u16, u16) = state.subtensor("AlphaValues", of_subnet)?;
    let steepness: i16 = state.subtensor("AlphaSigmoidSteepness", of_subnet)?;
    let liquid: bool = state.subtensor("LiquidAlphaOn", of_subnet)?;
    let period: u64 = state.subtensor("RevealPeriodEpochs", of_subnet)?;
    let yuma3: bool = state.subtensor("Yuma3On", of_subnet)?;
    facts.insert("alpha_low", number(u64::from(low)));
    facts.insert("alpha_high", number(u64::from(high)));
    facts.insert("liquid_alpha_enabled", Value::bool(liquid));
    facts.insert(
        "alpha_sigmoid_steepness",
        fixed(i128::from(steepness) << 32),
    );
    facts.insert("yuma_version", number(if yuma3 { 3 } else { 2 }));
    facts.insert("user_liquidity_enabled", Value::bool(false));
    let factor: u32 = state.subtensor("ActivityCutoffFactorMilli", of_subnet)?;
    facts.insert("activity_cutoff_factor", number(u64::from(factor)));
    for (field, item) in [
        ("burn_increase_mult", "BurnIncreaseMult"),
        ("collateral_drain_ratio", "CollateralDrainRatio"),
    ] {
        let factor: Bits128 = state.subtensor(item, of_subnet)?;
        let bits = Value::u128(factor.bits);
        facts.insert(field, Value::named_composite([("bits", bits)]));
    }
    facts.insert("commit_reveal_period", number(period));
    facts.insert("activity_cutoff", number(activity_cutoff(state, netuid)?));
    for (alias, field) in [
        ("max_allowed_validators", "max_validators"),
        ("max_allowed_uids", "max_uids"),
        ("subnetwork_n", "num_uids"),
    ] {
        if let Some(value) = facts.get(field).cloned() {
            facts.insert(alias, value);
        }
    }
    Ok(())
}

fn economy(state: &State<'_>, netuid: u16, facts: &mut Facts) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    for (field, item) in [
        ("alpha_in", "SubnetAlphaIn"),
        ("alpha_out", "SubnetAlphaOut"),
        ("tao_in", "SubnetTAO"),
        ("alpha_out_emission", "SubnetAlphaOutEmission"),
        ("alpha_in_emission", "SubnetAlphaInEmission"),
        ("tao_in_emission", "SubnetTaoInEmission"),
        ("pending_root_emission", "PendingRootAlphaDivs"),
    ] {
        facts.insert(field, number(state.subtensor(item, of_subnet)?));
    }
    let server: u64 = state.subtensor("PendingServerEmission", of_subnet)?;
    let validator: u64 = state.subtensor("PendingValidatorEmission", of_subnet)?;
    let pending = number(server.saturating_add(validator));
    facts.insert("pending_alpha_emission", pending);
    for field in ["emission_values", "emission_value", "subnet_emission"] {
        facts.insert(field, number(0));
    }
    let volume: u128 = state.subtensor("SubnetVolume", of_subnet)?;
    facts.insert("subnet_volume", Value::u128(volume));
    // Mechanism 0: one TAO is one alpha.
    facts.insert("moving_price", fixed(1 << 32));
    Ok(())
}

fn identity(state: &State<'_>, netuid: u16, facts: &mut Facts) -> Result<(), CodecError> {
    let of_subnet = &[netuid.into()];
    let symbol: Vec<u8> = state.subtensor("TokenSymbol", of_subnet)?;
    let identity: Option<Identity> = state.find(SUBTENSOR, "SubnetIdentitiesV3", of_subnet)?;
    let name = match &identity {
        Some(identity) if !identity.subnet_name.is_empty() => identity.subnet_name.as_slice(),
        _ if netuid == NETUID => FIRST_NAME,
        _ => NO_NAME,
    };
    let (name, symbol) = (Value::from_bytes(name), Value::from_bytes(symbol));
    facts.insert("subnet_name", name.clone());
    facts.insert("name", name);
    facts.insert("token_symbol", symbol.clone());
    facts.insert("symbol", symbol);
    let identity = identity.map_or_else(none, |identity| some(identity.value()));
    facts.insert("identity", identity.clone());
    facts.insert("subnet_identity", identity);
    facts.insert("network_connect", Value::unnamed_composite([]));
    let hotkey: [u8; 32] = state.subtensor("SubnetOwnerHotkey", of_subnet)?;
    let coldkey: [u8; 32] = state.subtensor("SubnetOwner", of_subnet)?;
    facts.insert("owner_hotkey", account(hotkey));
    facts.insert("owner_coldkey", account(coldkey));
    facts.insert("owner", account(coldkey));
    Ok(())
}

/// A fixed-point number's struct.
fn fixed(bits: i128) -> Value<()> {
    Value::named_composite([("bits", Value::i128(bits))])
}

/// `Some`.
pub(super) fn some(value: Value<()>) -> Value<()> {
    Value::unnamed_variant("Some", [value])
}

/// `None`.
pub(super) fn none() -> Value<()> {
    Value::unnamed_variant("None", [])
}
