//! Carries out calls: what a failure is, and which rules a call meets where.
//!
//! Like subtensor, some rules are checked twice: by the transaction pool, whose
//! refusal is an RPC error with subtensor's custom code, and again when the
//! call runs, whose refusal is a module error in the events.

use scale_value::{Composite, Value};

use super::call::Call;
use super::codec::{Codec, CodecError};
use super::event::{Events, Phase};
use super::state::{SUBTENSOR, State};
use super::{balances, registration, serving, staking, weights};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DispatchError {
    /// An error of a pallet, by name.
    Module {
        /// The pallet.
        pallet: &'static str,
        /// The error.
        name: &'static str,
    },
    /// The state does not fit its types: a fault of this chain.
    Corruption(CodecError),
}

impl DispatchError {
    /// An error of subtensor's pallet.
    pub(super) fn subtensor(name: &'static str) -> Self {
        Self::Module {
            pallet: SUBTENSOR,
            name,
        }
    }

    /// As the runtime's `DispatchError`.
    pub(super) fn value(&self, codec: &Codec) -> Result<Value<()>, CodecError> {
        match self {
            Self::Module { pallet, name } => {
                // An older runtime lacks a few errors.
                let Ok((pallet, error)) = codec.error(pallet, name) else {
                    return Ok(Value::unnamed_variant("Other", []));
                };
                let module = Value::named_composite([
                    ("index", Value::u128(u128::from(pallet))),
                    ("error", Value::from_bytes([error, 0, 0, 0])),
                ]);
                Ok(Value::unnamed_variant("Module", [module]))
            }
            Self::Corruption(_) => Ok(Value::unnamed_variant("Corruption", [])),
        }
    }

    /// Subtensor's code for this error where the pool finds it.
    pub(super) fn pool_code(&self) -> u8 {
        let Self::Module { name, .. } = self else {
            return 255;
        };
        match *name {
            "AmountTooLow" | "NotEnoughStakeToSetWeights" => 1,
            "NotEnoughBalanceToStake" => 2,
            "SubnetNotExists" => 3,
            "HotKeyAccountNotExists" => 4,
            "SettingWeightsTooFast" | "CommittingWeightsTooFast" => 6,
            "HotKeyNotRegisteredInNetwork" => 10,
            "InvalidIpAddress" => 11,
            "ServingRateLimitExceeded" => 12,
            "InvalidPort" => 13,
            "HotKeyNotRegisteredInSubNet" => 19,
            _ => 255,
        }
    }
}

impl From<CodecError> for DispatchError {
    fn from(error: CodecError) -> Self {
        Self::Corruption(error)
    }
}

/// A block's rules and place that a call sees.
pub(super) struct Context<'s, 'a> {
    /// The state.
    pub(super) state: &'s mut State<'a>,
    /// The events so far.
    pub(super) events: &'s mut Events,
    /// Where in the block this is.
    pub(super) phase: Phase,
    /// The block being built.
    pub(super) block: u64,
    /// Whether 127.0.0.1 and ::1 may be announced.
    pub(super) allow_loopback: bool,
}

impl Context<'_, '_> {
    /// Records an event of subtensor's pallet.
    pub(super) fn deposit(&mut self, name: &str, fields: Vec<Value<()>>) {
        self.events
            .push(self.phase, SUBTENSOR, name, Composite::unnamed(fields));
    }
}

/// What the pool checks of a call before it lets it in.
pub(super) fn check(
    context: &Context<'_, '_>,
    signer: [u8; 32],
    call: &Call,
) -> Result<(), DispatchError> {
    match call {
        Call::ServeAxon(call) => serving::check(context, signer, call),
        Call::SetWeights(call) => weights::check(context, signer, call.netuid),
        Call::SetMechanismWeights(call) => weights::check(context, signer, call.netuid),
        _ => Ok(()),
    }
}

/// Carries out a call.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    signer: [u8; 32],
    call: &Call,
) -> Result<(), DispatchError> {
    match call {
        Call::Remark(_) => Ok(()),
        Call::Transfer(call, keep) => balances::transfer(context, signer, call, *keep),
        Call::Register(call) => registration::register(context, signer, call.netuid, call.hotkey),
        Call::RegisterLimit(call) => registration::register_limit(context, signer, call),
        Call::AddStake(call) => staking::add_stake(context, signer, call),
        Call::AddStakeLimit(call) => staking::add_stake_limit(context, signer, call),
        Call::ServeAxon(call) => serving::serve_axon(context, signer, call),
        Call::SetWeights(call) => weights::set_weights(context, signer, call),
        Call::SetMechanismWeights(call) => weights::set_mechanism_weights(context, signer, call),
        Call::Uncovered => Err(DispatchError::Module {
            pallet: "System",
            name: "CallFiltered",
        }),
    }
}
