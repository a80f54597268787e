//! Runtime APIs, as `state_call` asks for them.
//!
//! Inputs and outputs have the types the metadata declares. One that is not
//! covered fails like one that a real runtime does not export.

mod economy;
mod hyperparameters;

use parity_scale_codec::Encode as _;
use scale_decode::DecodeAsType;
use scale_value::Value;

use super::codec::{Codec, CodecError};
use super::event::{account, number, weight};
use super::info::{self, Facts, none, select, select_some, some};
use super::ledger::Ledger;
use super::runtime::Runtime;
use super::state::State;
use super::{balances, network, schedule, staking};

/// Most accounts one call may ask about.
const MAX_ACCOUNTS: usize = 256;

/// Why a call of the runtime gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// No such function, or not covered here.
    #[error("Execution failed: Other: Exported method {0} is not found")]
    NotFound(String),
    /// The input does not decode, or the result does not fit.
    #[error("Execution failed: {0}")]
    Codec(#[from] CodecError),
}

/// Calls a runtime API on the state as of block `height`; metadata is that of
/// `served`.
pub(super) fn call(
    ledger: &Ledger,
    served: &Runtime,
    height: u64,
    name: &str,
    input: &[u8],
) -> Result<Vec<u8>, ApiError> {
    let codec = &ledger.runtime_at(height).codec;
    let not_found = || ApiError::NotFound(name.to_owned());
    let (inputs, output) = codec.api(name).ok_or_else(not_found)?;
    let state = ledger.state(height);
    let mut call = Call {
        codec,
        state,
        height,
        input,
        inputs: inputs.into_iter(),
        output,
    };
    if let Some(bytes) = plain(served, &mut call, name)? {
        return Ok(bytes);
    }
    let value = call.answer(name)?.ok_or_else(not_found)?;
    Ok(codec.encode(&value, output)?)
}

/// Those whose answer is bytes that are already there.
fn plain(
    runtime: &Runtime,
    call: &mut Call<'_>,
    name: &str,
) -> Result<Option<Vec<u8>>, CodecError> {
    Ok(Some(match name {
        "Core_version" => call.codec.constant("System", "Version")?.0.to_vec(),
        "Metadata_metadata" => runtime.metadata_v14.encode(),
        "Metadata_metadata_versions" => vec![14_u32, 15].encode(),
        "Metadata_metadata_at_version" => match call.take::<u32>()? {
            14 => Some(&runtime.metadata_v14).encode(),
            15 => Some(&runtime.metadata_v15).encode(),
            _ => None::<Vec<u8>>.encode(),
        },
        _ => return Ok(None),
    }))
}

struct Call<'a> {
    codec: &'a Codec,
    state: State<'a>,
    height: u64,
    input: &'a [u8],
    inputs: std::vec::IntoIter<u32>,
    output: u32,
}

impl Call<'_> {
    /// The next argument.
    fn take<T: DecodeAsType>(&mut self) -> Result<T, CodecError> {
        let type_id = self
            .inputs
            .next()
            .ok_or_else(|| CodecError("no such argument".into()))?;
        Ok(T::decode_as_type(
            &mut self.input,
            type_id,
            self.codec.types(),
        )?)
    }

    fn answer(&mut self, name: &str) -> Result<Option<Value<()>>, CodecError> {
        let (api, method) = name.split_once('_').unwrap_or((name, ""));
        match api {
            "SubnetInfoRuntimeApi" => self.subnet_info(method),
            "NeuronInfoRuntimeApi" => self.neuron_info(method),
            "StakeInfoRuntimeApi" => self.stake_info(method),
            "SwapRuntimeApi" => self.swap(method),
            "DelegateInfoRuntimeApi" => self.delegates(method),
            "BetaBasketRuntimeApi" => Ok(self.baskets(method)),
            _ => self.other(name),
        }
    }

    fn other(&mut self, name: &str) -> Result<Option<Value<()>>, CodecError> {
        Ok(Some(match name {
            "AccountNonceApi_account_nonce" => {
                let who = self.take()?;
                number(u64::from(balances::read(&self.state, who)?.nonce))
            }
            "TransactionPaymentApi_query_info" | "TransactionPaymentCallApi_query_call_info" => {
                Value::named_composite([
                    ("weight", weight()),
                    ("class", Value::unnamed_variant("Normal", [])),
                    ("partial_fee", number(0)),
                ])
            }
            "TransactionPaymentApi_query_weight_to_fee"
            | "TransactionPaymentApi_query_length_to_fee"
            | "TransactionPaymentCallApi_query_weight_to_fee"
            | "TransactionPaymentCallApi_query_length_to_fee" => number(0),
            "AuraApi_slot_duration" => number(self.codec.constant_as("Aura", "SlotDuration")?),
            "SubnetRegistrationRuntimeApi_get_network_registration_cost" => {
                number(network::lock_cost(&self.state, self.height)?)
            }
            _ => return Ok(None),
        }))
    }

    fn subnet_info(&mut self, method: &str) -> Result<Option<Value<()>>, CodecError> {
        Ok(Some(match method {
            "get_metagraph"
            | "get_subnet_info"
            | "get_subnet_info_v2"
            | "get_subnet_hyperparams"
            | "get_subnet_hyperparams_v2"
            | "get_dynamic_info"
            | "get_subnet_state" => {
                let netuid = self.take()?;
                let inner = self.inner(self.output)?;
                match self.facts(netuid)? {
                    Some(facts) => some(self.selected(inner, facts)?),
                    None => none(),
                }
            }
            "get_subnet_hyperparams_v3" => {
                let netuid = self.take()?;
                match self.facts(netuid)? {
                    Some(facts) => some(hyperparameters::entries(&facts)),
                    None => none(),
                }
            }
            "get_mechagraph" => {
                let (netuid, mechanism): (u16, u8) = (self.take()?, self.take()?);
                let inner = self.inner(self.output)?;
                match self.facts_of(netuid, mechanism)? {
                    Some(facts) => some(select(self.codec, inner, &facts)?),
                    None => none(),
                }
            }
            "get_selective_metagraph" => {
                let netuid = self.take()?;
                self.selective(netuid, 0)?
            }
            "get_selective_mechagraph" => {
                let (netuid, mechanism): (u16, u8) = (self.take()?, self.take()?);
                self.selective(netuid, mechanism)?
            }
            "get_coldkey_auto_stake_hotkey" | "get_subnet_to_prune" => none(),
            "get_subnets_info"
            | "get_subnets_info_v2"
            | "get_all_dynamic_info"
            | "get_all_metagraphs"
            | "get_all_mechagraphs" => self.all_subnets()?,
            "get_next_epoch_start_block" => {
                let netuid = self.take()?;
                schedule::next(&self.state, netuid)?.map_or_else(none, |block| some(number(block)))
            }
            "get_block_emission" => number(self.state.subtensor("BlockEmission", &[])?),
            _ => return Ok(None),
        }))
    }

    fn neuron_info(&mut self, method: &str) -> Result<Option<Value<()>>, CodecError> {
        let netuid = self.take()?;
        let inner = self.inner(self.output)?;
        Ok(Some(match method {
            "get_neurons" | "get_neurons_lite" => {
                let all = info::neurons(&self.state, netuid)?;
                let all: Result<Vec<_>, _> = all
                    .iter()
                    .map(|facts| select(self.codec, inner, facts))
                    .collect();
                Value::unnamed_composite(all?)
            }
            "get_neuron" | "get_neuron_lite" => {
                let uid = self.take()?;
                match info::neuron(&self.state, netuid, uid)? {
                    Some(facts) => some(select(self.codec, inner, &facts)?),
                    None => none(),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn stake_info(&mut self, method: &str) -> Result<Option<Value<()>>, CodecError> {
        Ok(Some(match method {
            "get_stake_info_for_coldkey" => {
                let coldkey = self.take()?;
                self.stakes(coldkey)?
            }
            "get_stake_info_for_coldkeys" => {
                let coldkeys: Vec<[u8; 32]> = self.take()?;
                if coldkeys.len() > MAX_ACCOUNTS {
                    return Err(CodecError(format!("more than {MAX_ACCOUNTS} accounts")));
                }
                let mut all = Vec::new();
                for coldkey in coldkeys {
                    let stakes = self.stakes(coldkey)?;
                    all.push(Value::unnamed_composite([account(coldkey), stakes]));
                }
                Value::unnamed_composite(all)
            }
            "get_stake_info_for_hotkey_coldkey_netuid" => {
                let (hotkey, coldkey) = (self.take()?, self.take()?);
                let netuid = self.take()?;
                some(self.stake(hotkey, coldkey, netuid)?)
            }
            "get_stake_availability_for_coldkeys" => self.availability()?,
            "get_stake_fee" => number(0),
            "get_coldkey_lock" | "get_most_convicted_hotkey_on_subnet" => none(),
            "get_hotkey_conviction" => Value::named_composite([("bits", number(0))]),
            _ => return Ok(None),
        }))
    }

    fn stakes(&self, coldkey: [u8; 32]) -> Result<Value<()>, CodecError> {
        let hotkeys: Vec<[u8; 32]> = self.state.subtensor("StakingHotkeys", &[coldkey.into()])?;
        let netuids = self.netuids()?;
        let mut all = Vec::new();
        for hotkey in hotkeys {
            for &netuid in &netuids {
                if staking::of_coldkey(&self.state, hotkey, coldkey, netuid)? > 0 {
                    all.push(self.stake(hotkey, coldkey, netuid)?);
                }
            }
        }
        Ok(Value::unnamed_composite(all))
    }

    fn stake(
        &self,
        hotkey: [u8; 32],
        coldkey: [u8; 32],
        netuid: u16,
    ) -> Result<Value<()>, CodecError> {
        let stake = staking::of_coldkey(&self.state, hotkey, coldkey, netuid)?;
        let registered = super::registration::uid(&self.state, netuid, hotkey)?.is_some();
        Ok(Value::named_composite([
            ("hotkey", account(hotkey)),
            ("coldkey", account(coldkey)),
            ("netuid", number(u64::from(netuid))),
            ("stake", number(stake)),
            ("locked", number(0)),
            ("emission", number(0)),
            ("tao_emission", number(0)),
            ("drain", number(0)),
            ("is_registered", Value::bool(registered)),
        ]))
    }

    fn selective(&mut self, netuid: u16, mecid: u8) -> Result<Value<()>, CodecError> {
        let indices: Vec<u16> = self.take()?;
        let inner = self.inner(self.output)?;
        match self.facts_of(netuid, mecid)? {
            Some(facts) => Ok(some(select_some(self.codec, inner, &indices, &facts)?)),
            None => Ok(none()),
        }
    }

    fn all_subnets(&self) -> Result<Value<()>, CodecError> {
        let inner = self.inner(self.inner(self.output)?)?;
        let all: Result<Vec<_>, CodecError> = self
            .netuids()?
            .into_iter()
            .map(|netuid| match self.facts(netuid)? {
                Some(facts) => Ok(some(self.selected(inner, facts)?)),
                None => Ok(none()),
            })
            .collect();
        Ok(Value::unnamed_composite(all?))
    }

    /// A result of a struct type. `DynamicInfo` calls emission what the subnet
    /// has, where the others mean what each neuron has.
    fn selected(&self, type_id: u32, mut facts: Facts) -> Result<Value<()>, CodecError> {
        let name = self.codec.types().resolve(type_id);
        let name = name.and_then(|found| found.path.ident());
        if name.as_deref() == Some("DynamicInfo")
            && let Some(emission) = facts.get("subnet_emission").cloned()
        {
            facts.insert("emission", emission);
        }
        select(self.codec, type_id, &facts)
    }

    fn facts(&self, netuid: u16) -> Result<Option<Facts>, CodecError> {
        self.facts_of(netuid, 0)
    }

    fn facts_of(&self, netuid: u16, mecid: u8) -> Result<Option<Facts>, CodecError> {
        info::subnet(&self.state, netuid, mecid, self.height)
    }

    /// All networks, root first.
    fn netuids(&self) -> Result<Vec<u16>, CodecError> {
        let networks: u16 = self.state.subtensor("TotalNetworks", &[])?;
        Ok((0..networks).collect())
    }

    /// What an option or a list holds.
    fn inner(&self, type_id: u32) -> Result<u32, CodecError> {
        let found = self.codec.types().resolve(type_id);
        match found.map(|found| (&found.type_def, found.type_params.as_slice())) {
            Some((scale_info::TypeDef::Sequence(sequence), _)) => Ok(sequence.type_param.id),
            Some((_, [only])) => only
                .ty
                .map(|ty| ty.id)
                .ok_or_else(|| CodecError("a parameter without a type".into())),
            _ => Err(CodecError("neither an option nor a list".into())),
        }
    }
}
