//! Carries out calls: what a failure is, and which rules a call meets where.
//!
//! Like subtensor, some rules are checked twice: by the transaction pool, whose
//! refusal is an RPC error with subtensor's custom code, and again when the
//! call runs, whose refusal is a module error in the events.

mod nested;

use scale_value::{Composite, Value};

use super::call::Call;
use super::codec::{Codec, CodecError};
use super::event::{Events, Phase};
use super::state::{SUBTENSOR, State};
use super::{admin, balances, commitments, network, serving, shield, staking, weights};

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
    /// It is not the signer's to call.
    BadOrigin,
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
            Self::BadOrigin => Ok(Value::unnamed_variant("BadOrigin", [])),
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
            "SettingWeightsTooFast" | "CommittingWeightsTooFast" | "NetworkTxRateLimitExceeded" => {
                6
            }
            "HotKeyNotRegisteredInNetwork" => 10,
            "InvalidIpAddress" => 11,
            "ServingRateLimitExceeded" => 12,
            "InvalidPort" => 13,
            "InvalidRevealRound" => 15,
            "NoWeightsCommitFound" => 16,
            "RevealTooEarly" => 17,
            "InputLengthsUnequal" => 18,
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

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// An account, by its signature.
    Signed([u8; 32]),
    /// The chain's own authority, through `Sudo`.
    Root,
}

impl Origin {
    /// The account, or `BadOrigin`.
    pub(super) fn signer(self) -> Result<[u8; 32], DispatchError> {
        match self {
            Self::Signed(account) => Ok(account),
            Self::Root => Err(DispatchError::BadOrigin),
        }
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

    /// Records an event whose fields have names.
    pub(super) fn deposit_named<const N: usize>(
        &mut self,
        pallet: &str,
        name: &str,
        fields: [(&str, Value<()>); N],
    ) {
        self.events
            .push(self.phase, pallet, name, Composite::named(fields));
    }

    /// Carries out `attempt`; takes back what it did if it fails.
    pub(super) fn attempt<T>(
        &mut self,
        attempt: impl FnOnce(&mut Self) -> Result<T, DispatchError>,
    ) -> Result<T, DispatchError> {
        let (mark, kept) = (self.state.mark(), self.events.len());
        let outcome = attempt(self);
        if let Err(error) = &outcome {
            if let DispatchError::Corruption(error) = error {
                tracing::error!(%error, "a call met state that does not fit its types");
            }
            self.state.roll_back(mark);
            self.events.truncate(kept);
        }
        outcome
    }
}

/// What the pool checks of a call before it lets it in.
pub(super) fn check(
    context: &Context<'_, '_>,
    signer: [u8; 32],
    call: &Call,
) -> Result<(), DispatchError> {
    match call {
        Call::Serving(call) => serving::check(context, signer, call),
        Call::Weights(call) => weights::check(context, signer, call),
        Call::Network(call) => network::check(context, call),
        _ => Ok(()),
    }
}

/// Carries out a call.
pub(super) fn dispatch(
    context: &mut Context<'_, '_>,
    origin: Origin,
    call: &Call,
) -> Result<(), DispatchError> {
    match call {
        Call::Remark(_) => Ok(()),
        Call::Transfer(call, keep) => balances::transfer(context, origin.signer()?, call, *keep),
        Call::Network(call) => network::dispatch(context, origin, call),
        Call::Staking(call) => staking::dispatch(context, origin.signer()?, call),
        Call::Serving(call) => serving::dispatch(context, origin.signer()?, call),
        Call::Weights(call) => weights::dispatch(context, origin.signer()?, call),
        Call::SetCommitment(call) => commitments::set(context, origin.signer()?, call),
        Call::Admin(change) => admin::dispatch(context, origin, change),
        Call::Sudo(call) => nested::sudo(context, origin.signer()?, call),
        Call::Batch(calls, on_failure) => nested::batch(context, origin, calls, *on_failure),
        Call::SubmitEncrypted(call) => shield::submit(context, origin.signer()?, call),
        Call::Uncovered => Err(DispatchError::Module {
            pallet: "System",
            name: "CallFiltered",
        }),
    }
}
