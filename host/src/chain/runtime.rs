//! One runtime, as its metadata describes it: names in, bytes out, and back.
//!
//! Indices of pallets, calls, errors and types change from runtime to runtime,
//! names do not. Everything is looked up by name, and decoded into structs that
//! have only the fields we need; unknown fields are skipped.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use frame_decode::storage::StorageTypeInfo as _;
use scale_decode::DecodeAsType;
use subxt::client::{OfflineClient, OfflineClientAtBlock};
use subxt::config::substrate::{
    AccountId32, H256, MultiSignature, SpecVersionForRange, SubstrateConfig,
    SubstrateExtrinsicParamsBuilder,
};
use subxt::dynamic::Value;
use subxt::metadata::Metadata;

use super::calls::Call;
use super::guard;
use super::link::Versions;
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::key::{Scheme, Signer};
use crate::subnet::text::escape;

/// Blocks an extrinsic may wait for inclusion. 25 minutes on mainnet: the
/// period that Bittensor's own tools use.
pub(super) const ERA_BLOCKS: u64 = 128;
/// The version of the metadata's format we ask for.
const METADATA_VERSION: u32 = 15;

/// Mainnet's pace, for runtimes that do not tell theirs.
const MAINNET_SLOT_MS: u64 = 12_000;

/// What an extrinsic's events say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It did what it says.
    Success,
    /// It is in the block and did nothing: the error's name.
    Failed(String),
}

/// A runtime that can be spoken to.
pub(super) struct Runtime {
    at: OfflineClientAtBlock<SubstrateConfig>,
    versions: Versions,
    /// Types that are known to be safe to decode; as many as there are, at most.
    checked: Mutex<HashSet<u32>>,
}

impl Runtime {
    /// Reads metadata. Takes some ten milliseconds and, should the metadata be
    /// hostile, may panic: call it through `spawn_blocking`.
    pub(super) fn new(
        metadata: &[u8],
        genesis: [u8; 32],
        versions: Versions,
    ) -> Result<Self, ChainError> {
        let metadata =
            Metadata::decode_from(metadata).map_err(|error| nonsense("its metadata", &error))?;
        guard::check(metadata.types()).map_err(|reason| nonsense("its metadata", &reason))?;
        let range = SpecVersionForRange {
            block_range: 0..u64::MAX,
            spec_version: versions.spec_version,
            transaction_version: versions.transaction_version,
        };
        let config = SubstrateConfig::builder()
            .set_genesis_hash(H256(genesis))
            .set_spec_version_for_block_ranges([range])
            .set_metadata_for_spec_versions([(versions.spec_version, metadata.arc())])
            .build();
        let at = OfflineClient::new_with_config(config)
            .at_block(0_u64)
            .map_err(|error| nonsense("its metadata", &error))?;
        Ok(Self {
            at,
            versions,
            checked: Mutex::default(),
        })
    }

    /// The argument of `Metadata_metadata_at_version`.
    pub(super) fn metadata_request() -> [u8; 4] {
        METADATA_VERSION.to_le_bytes()
    }

    /// The metadata in the answer to it: absent, or bytes behind their length.
    pub(super) fn metadata_answer(answer: &[u8]) -> Result<Vec<u8>, ChainError> {
        let input = &mut &*answer;
        let found: Option<Vec<u8>> = parity_scale_codec::Decode::decode(input)
            .map_err(|error| nonsense("its metadata", &error))?;
        found.ok_or_else(|| {
            ChainError::Nonsense(format!("it has no metadata of version {METADATA_VERSION}"))
        })
    }

    pub(super) fn spec_version(&self) -> u32 {
        self.versions.spec_version
    }

    pub(super) fn versions(&self) -> Versions {
        self.versions
    }

    fn metadata(&self) -> &Metadata {
        self.at.metadata_ref()
    }

    /// The runtime has this storage item.
    pub(super) fn has_storage(&self, pallet: &str, item: &str) -> bool {
        self.metadata().storage_info(pallet, item).is_ok()
    }

    /// The runtime has this function.
    pub(super) fn has_api(&self, api: &str, method: &str) -> bool {
        self.metadata()
            .runtime_api_trait_by_name(api)
            .and_then(|api| api.method_by_name(method))
            .is_some()
    }

    /// The runtime has this call.
    pub(super) fn has_call(&self, pallet: &str, name: &str) -> bool {
        self.metadata()
            .pallet_by_name(pallet)
            .and_then(|pallet| pallet.call_variant_by_name(name))
            .is_some()
    }

    /// One of the pallets whose calls we make has an error of this name.
    #[cfg(test)]
    pub(super) fn has_error(&self, name: &str) -> bool {
        use super::calls::{COMMITMENTS, PALLET};
        let pallets = [PALLET, COMMITMENTS].map(|pallet| self.metadata().pallet_by_name(pallet));
        pallets
            .into_iter()
            .filter_map(|pallet| pallet?.error_variants())
            .any(|errors| errors.iter().any(|error| error.name == name))
    }

    #[cfg(test)]
    pub(super) fn types(&self) -> &scale_info::PortableRegistry {
        self.metadata().types()
    }

    #[cfg(test)]
    pub(super) fn api_output(&self, api: &str, method: &str) -> u32 {
        let api = self.metadata().runtime_api_trait_by_name(api);
        api.and_then(|api| api.method_by_name(method))
            .map(|method| method.output_ty())
            .expect("tests ask for what is there")
    }

    /// Milliseconds from one block to the next.
    pub(super) fn slot_ms(&self) -> u64 {
        self.metadata()
            .pallet_by_name("Aura")
            .and_then(|aura| aura.constant_by_name("SlotDuration"))
            .and_then(|constant| constant.value().try_into().ok())
            .map_or(MAINNET_SLOT_MS, u64::from_le_bytes)
    }

    /// Where an item's value lies.
    pub(super) fn storage_key(
        &self,
        pallet: &str,
        item: &str,
        keys: Vec<Value>,
    ) -> Result<Vec<u8>, ChainError> {
        let address = subxt::dynamic::storage::<Vec<Value>, Value>(pallet, item);
        self.at
            .storage()
            .entry(address)
            .and_then(|entry| entry.fetch_key(keys))
            .map_err(|error| nonsense(item, &error))
    }

    /// An item's value; where nothing is stored, the item's default.
    pub(super) fn storage_value<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        stored: Option<&[u8]>,
    ) -> Result<T, ChainError> {
        let info = self
            .metadata()
            .storage_info(pallet, item)
            .map_err(|error| nonsense(item, &error))?;
        let bytes = match (stored, &info.default_value) {
            (Some(bytes), _) => bytes,
            (None, Some(default)) => default,
            (None, None) => return Err(ChainError::Nonsense(format!("{item} is not set"))),
        };
        self.decode(item, bytes, info.value_id)
    }

    /// The arguments of a runtime function.
    pub(super) fn api_arguments(
        &self,
        api: &str,
        method: &str,
        arguments: Vec<Value>,
    ) -> Result<Vec<u8>, ChainError> {
        let payload = subxt::dynamic::runtime_api_call::<Vec<Value>, Value>(api, method, arguments);
        self.at
            .runtime_apis()
            .encode_args(payload)
            .map_err(|error| nonsense(method, &error))
    }

    /// What a runtime function answered.
    pub(super) fn api_value<T: DecodeAsType>(
        &self,
        api: &str,
        method: &str,
        bytes: &[u8],
    ) -> Result<T, ChainError> {
        let output = self
            .metadata()
            .runtime_api_trait_by_name(api)
            .and_then(|api| api.method_by_name(method))
            .map(|method| method.output_ty())
            .ok_or_else(|| ChainError::Nonsense(format!("it has no {api}.{method}")))?;
        self.decode(method, bytes, output)
    }

    /// The bytes of a call.
    #[cfg(test)]
    pub(super) fn call_data(&self, call: &Call) -> Result<Vec<u8>, ChainError> {
        self.at
            .tx()
            .call_data(&call.payload())
            .map_err(|error| nonsense(call.name, &error))
    }

    /// A signed extrinsic, valid for [`ERA_BLOCKS`] after `birth`.
    pub(super) fn sign(
        &self,
        call: &Call,
        signer: &dyn Signer,
        nonce: u64,
        birth: Head,
    ) -> Result<Vec<u8>, ChainError> {
        let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .nonce(nonce)
            .mortal_from_unchecked(ERA_BLOCKS, birth.number, H256(birth.hash))
            .build();
        let payload = call.payload();
        self.at
            .tx()
            .create_signable_offline(&payload, params)
            .and_then(|mut signable| signable.sign(&SubxtSigner(signer)))
            .map(|extrinsic| extrinsic.encoded().to_vec())
            .map_err(|error| nonsense(call.name, &error))
    }

    /// What the events of a block say of its extrinsic number `index`.
    pub(super) fn outcome(&self, events: &[u8], index: u32) -> Result<Outcome, ChainError> {
        self.check_events()?;
        for event in self.at.events().from_bytes(events.to_vec()).iter() {
            let event = event.map_err(|error| nonsense("Events", &error))?;
            if event.phase() != subxt::events::Phase::ApplyExtrinsic(index)
                || event.pallet_name() != "System"
            {
                continue;
            }
            match event.event_name() {
                "ExtrinsicSuccess" => return Ok(Outcome::Success),
                "ExtrinsicFailed" => {
                    return Ok(Outcome::Failed(self.error_name(event.field_bytes())));
                }
                _ => {}
            }
        }
        Err(ChainError::Nonsense(
            "a block holds an extrinsic and no event of it".to_owned(),
        ))
    }

    /// Whether a block's events may be decoded at all.
    fn check_events(&self) -> Result<(), ChainError> {
        let info = self
            .metadata()
            .storage_info("System", "Events")
            .map_err(|error| nonsense("Events", &error))?;
        self.check_decodable("Events", info.value_id)
    }

    /// A block's events hold one of subtensor's with this name and these fields,
    /// as bytes.
    pub(super) fn has_event(
        &self,
        events: &[u8],
        name: &str,
        fields: &[u8],
    ) -> Result<bool, ChainError> {
        self.check_events()?;
        for event in self.at.events().from_bytes(events.to_vec()).iter() {
            let event = event.map_err(|error| nonsense("Events", &error))?;
            if event.pallet_name() == super::calls::PALLET
                && event.event_name() == name
                && event.field_bytes() == fields
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of a dispatch error at the start of `bytes`.
    fn error_name(&self, bytes: &[u8]) -> String {
        use subxt::error::DispatchError;
        match DispatchError::decode_from(bytes, self.at.metadata()) {
            Ok(DispatchError::Module(error)) => error
                .details()
                .map(|details| escape(&details.variant.name))
                .unwrap_or_else(|_| {
                    format!(
                        "error {} of pallet {}",
                        error.error_index(),
                        error.pallet_index()
                    )
                }),
            Ok(DispatchError::Token(error)) => format!("{error:?}"),
            Ok(other) => escape(&format!("{other:?}")),
            Err(_) => "an error this runtime does not describe".to_owned(),
        }
    }

    fn decode<T: DecodeAsType>(
        &self,
        what: &str,
        bytes: &[u8],
        type_id: u32,
    ) -> Result<T, ChainError> {
        self.check_decodable(what, type_id)?;
        T::decode_as_type(&mut &*bytes, type_id, self.metadata().types())
            .map_err(|error| nonsense(what, &error))
    }

    fn check_decodable(&self, what: &str, type_id: u32) -> Result<(), ChainError> {
        let checked = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked().contains(&type_id) {
            return Ok(());
        }
        guard::check_decodable(self.metadata().types(), type_id)
            .map_err(|reason| nonsense(what, &reason))?;
        checked().insert(type_id);
        Ok(())
    }
}

struct SubxtSigner<'a>(&'a dyn Signer);

impl subxt::transactions::Signer<SubstrateConfig> for SubxtSigner<'_> {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.account().0)
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        let signature = self.0.sign(payload).0;
        match self.0.scheme() {
            Scheme::Ed25519 => MultiSignature::Ed25519(signature),
            Scheme::Sr25519 => MultiSignature::Sr25519(signature),
        }
    }
}

fn nonsense(what: &str, error: &dyn std::fmt::Display) -> ChainError {
    ChainError::Nonsense(format!("{what}: {}", escape(&error.to_string())))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
