//! `AdminUtils`: hyperparameters, changed by a subnet's owner or through `Sudo`.
//!
//! Most calls write one storage item and differ in who may, when, and within
//! what bounds: they are a [table](table). The others are in [`special`].
//! A parameter that this chain would not act upon (Yuma 3, liquid alpha,
//! collateral) is not in it: such a call fails rather than seem to work.

mod special;
mod table;

use scale_info::Field as Member;
use scale_info::form::PortableForm;
use scale_value::{Composite, Value};

use super::codec::{Codec, CodecError, Key};
use super::dispatch::{Context, DispatchError, Origin};
use super::encoded::Encoded;
use super::event::number;
use super::extrinsic::Malformed;
use super::limits::{Limit, window_open};
use super::network;
use super::state::SUBTENSOR;
use special::Special;
use table::{Rule, rule};

pub(super) use special::{set_cutoff_factor, set_tempo};

const PALLET: &str = "AdminUtils";

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// One storage item gets another value.
    Item(ItemChange),
    /// More than that.
    Special(Special),
}

/// Another value for one storage item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemChange {
    rule: &'static Rule,
    /// The subnet, unless it is for all.
    netuid: Option<u16>,
    value: Encoded,
    type_id: u32,
}

/// Who may make a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The subnet's owner, so often, or root.
    Owner(Limit),
    /// Root alone.
    Root,
}

impl Change {
    /// Decodes a call; `None` if it is not covered.
    pub(super) fn decode(
        codec: &Codec,
        name: &str,
        fields: &[Member<PortableForm>],
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        if let Some(special) = Special::decode(codec, name, fields, bytes)? {
            return Ok(Some(Self::Special(special)));
        }
        let Some(rule) = rule(name) else {
            return Ok(None);
        };
        let (netuid, value) = match fields {
            [value] => (None, value),
            [netuid, value] => {
                let netuid = take(codec, bytes, netuid.ty.id)?;
                (Some(codec.decode::<u16>(netuid, fields[0].ty.id)?), value)
            }
            _ => return Ok(None),
        };
        let value_type = value.ty.id;
        let value = Encoded(take(codec, bytes, value_type)?.to_vec());
        Ok(Some(Self::Item(ItemChange {
            rule,
            netuid,
            value,
            type_id: value_type,
        })))
    }
}

/// The bytes of the next value.
fn take<'a>(codec: &Codec, bytes: &mut &'a [u8], type_id: u32) -> Result<&'a [u8], Malformed> {
    let length = codec.length(bytes, type_id)?;
    let (value, rest) = bytes.split_at(length);
    *bytes = rest;
    Ok(value)
}

/// Carries out a change.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    origin: Origin,
    change: &Change,
) -> Result<(), DispatchError> {
    match change {
        Change::Item(change) => change.apply(context, origin),
        Change::Special(special) => special.apply(context, origin),
    }
}

impl ItemChange {
    fn apply(&self, context: &mut Context<'_, '_>, origin: Origin) -> Result<(), DispatchError> {
        let netuid = self.netuid.unwrap_or(0);
        permit(context, origin, netuid, self.rule.who)?;
        if self.rule.frozen {
            window_open(context, netuid)?;
        }
        if self.netuid.is_some() {
            subnet_exists(context, netuid)?;
        }
        (self.rule.check)(context, self)?;
        let key: Vec<Key> = self.netuid.map(Key::U16).into_iter().collect();
        context
            .state
            .put_subtensor(self.rule.item, &key, &self.value)?;
        record(context, origin, netuid, self.rule.who)?;
        self.tell(context)
    }

    /// Records the event, if there is one.
    fn tell(&self, context: &mut Context<'_, '_>) -> Result<(), DispatchError> {
        let Some((pallet, name)) = self.rule.event else {
            return Ok(());
        };
        let mut bytes = self.value.0.as_slice();
        let types = context.state.codec().types();
        let value = scale_value::scale::decode_as_type(&mut bytes, self.type_id, types)
            .map_err(|error| CodecError(error.to_string()))?
            .remove_context();
        let netuid = self.netuid.map(|netuid| number(u64::from(netuid)));
        let fields: Vec<Value<()>> = netuid.into_iter().chain([value]).collect();
        let phase = context.phase;
        let fields = Composite::unnamed(fields);
        context.events.push(phase, pallet, name, fields);
        Ok(())
    }

    /// The value, where it is a number.
    fn number(&self, context: &Context<'_, '_>) -> Result<u128, DispatchError> {
        let codec = context.state.codec();
        Ok(codec.decode::<u128>(&self.value.0, self.type_id)?)
    }

    fn flag(&self, context: &Context<'_, '_>) -> Result<bool, DispatchError> {
        let codec = context.state.codec();
        Ok(codec.decode::<bool>(&self.value.0, self.type_id)?)
    }
}

/// Whether `origin` may make a change now.
fn permit(
    context: &Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    who: Who,
) -> Result<(), DispatchError> {
    match (origin, who) {
        (Origin::Root, _) => Ok(()),
        (Origin::Signed(_), Who::Root) => Err(DispatchError::BadOrigin),
        (Origin::Signed(signer), Who::Owner(limit)) => {
            network::owned(context.state, netuid, signer)?;
            limit.check(context, signer, netuid)
        }
    }
}

fn record(
    context: &mut Context<'_, '_>,
    origin: Origin,
    netuid: u16,
    who: Who,
) -> Result<(), DispatchError> {
    match (origin, who) {
        (Origin::Signed(signer), Who::Owner(limit)) => Ok(limit.record(context, signer, netuid)?),
        _ => Ok(()),
    }
}

fn subnet_exists(context: &Context<'_, '_>, netuid: u16) -> Result<(), DispatchError> {
    match context
        .state
        .get(SUBTENSOR, "NetworksAdded", &[netuid.into()])?
    {
        true => Ok(()),
        false => Err(error("SubnetDoesNotExist")),
    }
}

fn error(name: &'static str) -> DispatchError {
    DispatchError::Module {
        pallet: PALLET,
        name,
    }
}
