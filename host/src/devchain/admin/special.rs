//! The changes that do more than write one storage item.

use scale_decode::DecodeAsFields;
use scale_info::Field as Member;
use scale_info::form::PortableForm;

use super::{Who, permit, record};
use crate::devchain::codec::Codec;
use crate::devchain::dispatch::{Context, DispatchError, Origin};
use crate::devchain::event::{account, number};
use crate::devchain::extrinsic::Malformed;
use crate::devchain::limits::{Hyperparameter, Limit, window_open};
use crate::devchain::mechanism;
use crate::devchain::state::SUBTENSOR;

/// A change of its own kind, with its subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Special {
    /// `sudo_set_tempo`.
    Tempo(u16, u16),
    /// `sudo_set_activity_cutoff_factor`, in thousandths of a tempo.
    CutoffFactor(u16, u32),
    /// `sudo_set_alpha_values`: low and high.
    AlphaValues(u16, u16, u16),
    /// `sudo_set_sn_owner_hotkey`.
    OwnerHotkey(u16, [u8; 32]),
    /// `sudo_set_mechanism_count`.
    MechanismCount(u16, u8),
    /// `sudo_set_mechanism_emission_split`.
    MechanismSplit(u16, Option<Vec<u16>>),
    /// `sudo_set_network_pow_registration_allowed`: that is gone.
    PowRegistration,
}

#[derive(scale_decode::DecodeAsType)]
struct Tempo {
    netuid: u16,
    tempo: u16,
}

#[derive(scale_decode::DecodeAsType)]
struct Factor {
    netuid: u16,
    factor_milli: u32,
}

#[derive(scale_decode::DecodeAsType)]
struct AlphaValues {
    netuid: u16,
    alpha_low: u16,
    alpha_high: u16,
}

#[derive(scale_decode::DecodeAsType)]
struct OwnerHotkey {
    netuid: u16,
    hotkey: [u8; 32],
}

#[derive(scale_decode::DecodeAsType)]
struct MechanismCount {
    netuid: u16,
    mechanism_count: u8,
}

#[derive(scale_decode::DecodeAsType)]
struct MechanismSplit {
    netuid: u16,
    maybe_split: Option<Vec<u16>>,
}

#[derive(scale_decode::DecodeAsType)]
struct PowRegistration {}

impl Special {
    /// Decodes a call, if it is one of these.
    pub(super) fn decode(
        codec: &Codec,
        name: &str,
        fields: &[Member<PortableForm>],
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        let args = Args { codec, fields };
        Ok(Some(match name {
            "sudo_set_tempo" => {
                let call: Tempo = args.take(bytes)?;
                Self::Tempo(call.netuid, call.tempo)
            }
            "sudo_set_activity_cutoff_factor" => {
                let call: Factor = args.take(bytes)?;
                Self::CutoffFactor(call.netuid, call.factor_milli)
            }
            "sudo_set_alpha_values" => {
                let call: AlphaValues = args.take(bytes)?;
                Self::AlphaValues(call.netuid, call.alpha_low, call.alpha_high)
            }
            "sudo_set_sn_owner_hotkey" => {
                let call: OwnerHotkey = args.take(bytes)?;
                Self::OwnerHotkey(call.netuid, call.hotkey)
            }
            "sudo_set_mechanism_count" => {
                let call: MechanismCount = args.take(bytes)?;
                Self::MechanismCount(call.netuid, call.mechanism_count)
            }
            "sudo_set_mechanism_emission_split" => {
                let call: MechanismSplit = args.take(bytes)?;
                Self::MechanismSplit(call.netuid, call.maybe_split)
            }
            "sudo_set_network_pow_registration_allowed" => {
                args.take::<PowRegistration>(bytes)?;
                Self::PowRegistration
            }
            _ => return Ok(None),
        }))
    }

    /// Carries it out.
    pub(super) fn apply(
        &self,
        context: &mut Context<'_, '_>,
        origin: Origin,
    ) -> Result<(), DispatchError> {
        match self {
            Self::Tempo(netuid, tempo) => set_tempo(context, origin, *netuid, *tempo),
            Self::CutoffFactor(netuid, factor) => {
                set_cutoff_factor(context, origin, *netuid, *factor)
            }
            Self::AlphaValues(netuid, low, high) => {
                let limit = Limit::Hyperparameter(Hyperparameter::AlphaValues);
                by_owner(context, origin, *netuid, limit, |context| {
                    set_alpha(context, *netuid, *low, *high)
                })
            }
            Self::OwnerHotkey(netuid, hotkey) => set_hotkey(context, origin, *netuid, *hotkey),
            Self::MechanismCount(netuid, count) => {
                by_owner(context, origin, *netuid, Limit::MechanismCount, |context| {
                    mechanism::set_count(context, *netuid, *count)
                })
            }
            Self::MechanismSplit(netuid, split) => {
                let limit = Limit::MechanismEmission;
                by_owner(context, origin, *netuid, limit, |context| {
                    mechanism::set_split(context, *netuid, split.clone())
                })
            }
            Self::PowRegistration => Err(super::error("POWRegistrationDisabled")),
        }
    }
}

struct Args<'a> {
    codec: &'a Codec,
    fields: &'a [Member<PortableForm>],
}

impl Args<'_> {
    fn take<T: DecodeAsFields>(&self, bytes: &mut &[u8]) -> Result<T, Malformed> {
        let mut fields = self
            .fields
            .iter()
            .map(|field| scale_decode::Field::new(field.ty.id, field.name.as_deref()));
        T::decode_as_fields(bytes, &mut fields, self.codec.types())
            .map_err(|error| Malformed(error.to_string()))
    }
}

/// A change by the owner, so often, outside the freeze window; or by root.
fn by_owner(
    context: &mut Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    limit: Limit,
    change: impl FnOnce(&mut Context<'_, '_>) -> Result<(), DispatchError>,
) -> Result<(), DispatchError> {
    permit(context, origin, netuid, Who::Owner(limit))?;
    window_open(context, netuid)?;
    change(context)?;
    record(context, origin, netuid, Who::Owner(limit))
}

/// Sets the tempo and begins it anew. Owners keep to the runtime's bounds, which
/// a development chain's tempo is below: a shorter one is root's to set.
pub(in super::super) fn set_tempo(
    context: &mut Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    tempo: u16,
) -> Result<(), DispatchError> {
    permit(context, origin, netuid, Who::Owner(Limit::Unlimited))?;
    let of_subnet = &[netuid.into()];
    if !context
        .state
        .subtensor::<bool>("NetworksAdded", of_subnet)?
    {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    let codec = context.state.codec();
    let least: u16 = codec.constant_as(SUBTENSOR, "MinTempo")?;
    let most: u16 = codec.constant_as(SUBTENSOR, "MaxTempo")?;
    if origin != Origin::Root && !(least..=most).contains(&tempo) {
        return Err(DispatchError::subtensor("TempoOutOfBounds"));
    }
    by_owner(context, origin, netuid, Limit::Tempo, |context| {
        let block = context.block;
        context.state.put_subtensor("Tempo", of_subnet, &tempo)?;
        context
            .state
            .put_subtensor("LastEpochBlock", of_subnet, &block)?;
        let fields = vec![number(u64::from(netuid)), number(u64::from(tempo))];
        context.deposit("TempoSet", fields);
        Ok(())
    })
}

/// Sets after how many thousandths of a tempo a validator counts as silent.
pub(in super::super) fn set_cutoff_factor(
    context: &mut Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    factor_milli: u32,
) -> Result<(), DispatchError> {
    permit(context, origin, netuid, Who::Owner(Limit::Unlimited))?;
    let codec = context.state.codec();
    let least: u32 = codec.constant_as(SUBTENSOR, "MinActivityCutoffFactorMilli")?;
    let most: u32 = codec.constant_as(SUBTENSOR, "MaxActivityCutoffFactorMilli")?;
    if !(least..=most).contains(&factor_milli) {
        let name = "ActivityCutoffFactorMilliOutOfBounds";
        return Err(DispatchError::subtensor(name));
    }
    let who = Who::Owner(Limit::Hyperparameter(
        Hyperparameter::ActivityCutoffFactorMilli,
    ));
    permit(context, origin, netuid, who)?;
    // Root may do this at any time.
    if origin != Origin::Root {
        window_open(context, netuid)?;
    }
    let of_subnet = &[netuid.into()];
    let item = "ActivityCutoffFactorMilli";
    context
        .state
        .put_subtensor(item, of_subnet, &factor_milli)?;
    record(context, origin, netuid, who)?;
    let fields = [
        ("netuid", number(u64::from(netuid))),
        ("factor_milli", number(u64::from(factor_milli))),
    ];
    context.deposit_named(SUBTENSOR, "ActivityCutoffFactorMilliSet", fields);
    Ok(())
}

/// A fortieth of `u16::MAX`: the least `alpha_high`, and the least `alpha_low`.
const LEAST_ALPHA: u16 = 1638;

fn set_alpha(
    context: &mut Context<'_, '_>,
    netuid: u16,
    low: u16,
    high: u16,
) -> Result<(), DispatchError> {
    let of_subnet = &[netuid.into()];
    let state = &mut *context.state;
    if !state.subtensor::<bool>("LiquidAlphaOn", of_subnet)? {
        return Err(DispatchError::subtensor("LiquidAlphaDisabled"));
    }
    if high < LEAST_ALPHA {
        return Err(DispatchError::subtensor("AlphaHighTooLow"));
    }
    if low < LEAST_ALPHA || low > high {
        return Err(DispatchError::subtensor("AlphaLowOutOfRange"));
    }
    Ok(state.put_subtensor("AlphaValues", of_subnet, &(low, high))?)
}

fn set_hotkey(
    context: &mut Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    hotkey: [u8; 32],
) -> Result<(), DispatchError> {
    permit(context, origin, netuid, Who::Owner(Limit::Unlimited))?;
    let of_subnet = &[netuid.into()];
    if !context
        .state
        .subtensor::<bool>("NetworksAdded", of_subnet)?
    {
        return Err(DispatchError::subtensor("SubnetNotExists"));
    }
    // Root is limited as well.
    Limit::OwnerHotkey.check(context, hotkey, netuid)?;
    Limit::OwnerHotkey.record(context, hotkey, netuid)?;
    context
        .state
        .put_subtensor("SubnetOwnerHotkey", of_subnet, &hotkey)?;
    let fields = vec![number(u64::from(netuid)), account(hotkey)];
    context.deposit("SubnetOwnerHotkeySet", fields);
    Ok(())
}
