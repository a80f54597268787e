//! subxt's default client, unchanged, with a signer for development keys.

use host::devchain::DevChain;
use scale_decode::DecodeAsType;
use subxt::dynamic::{self, Value};
use subxt::transactions::Signer;
use subxt::utils::{AccountId32, MultiSignature};
use subxt::{OnlineClient, PolkadotConfig};

/// A development key.
#[derive(Clone)]
pub struct Key(schnorrkel::Keypair);

/// The key of `//name`.
pub fn key(name: &str) -> Key {
    const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
    let phrase = bip39::Mnemonic::parse(PHRASE).unwrap();
    let seed = substrate_bip39::seed_from_entropy(&phrase.to_entropy(), "").unwrap();
    let root = schnorrkel::MiniSecretKey::from_bytes(&seed[..32])
        .unwrap()
        .expand(schnorrkel::ExpansionMode::Ed25519);
    let mut code = [0; 32];
    let encoded = parity_scale_codec::Encode::encode(&name.trim_start_matches('/'));
    code[..encoded.len()].copy_from_slice(&encoded);
    let (derived, _) =
        root.hard_derive_mini_secret_key(Some(schnorrkel::derive::ChainCode(code)), b"");
    Key(derived.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519))
}

impl Key {
    /// The account.
    pub fn public(&self) -> [u8; 32] {
        self.0.public.to_bytes()
    }
}

impl Signer<PolkadotConfig> for Key {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.public())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        let signature = self.0.sign_simple(b"substrate", payload);
        MultiSignature::Sr25519(signature.to_bytes())
    }
}

/// A connected client.
pub struct Client {
    /// subxt itself.
    pub api: OnlineClient<PolkadotConfig>,
}

impl Client {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let api = OnlineClient::from_insecure_url(url).await.unwrap();
        Self { api }
    }

    /// A call of subtensor's pallet in the next block: the names of its events,
    /// or what the refusal says.
    pub async fn run<Args: dynamic_args::Args>(
        &self,
        chain: &DevChain,
        signer: &str,
        call: &str,
        args: Args,
    ) -> Result<Vec<String>, String> {
        self.run_in(chain, signer, "SubtensorModule", call, args)
            .await
    }

    /// The same for any pallet.
    pub async fn run_in<Args: dynamic_args::Args>(
        &self,
        chain: &DevChain,
        signer: &str,
        pallet: &str,
        call: &str,
        args: Args,
    ) -> Result<Vec<String>, String> {
        let payload = dynamic::transaction(pallet, call, args);
        let progress = self
            .api
            .tx()
            .await
            .unwrap()
            .sign_and_submit_then_watch_default(&payload, &key(signer))
            .await
            .map_err(|error| format!("{error:?}"))?;
        chain.advance(1).unwrap();
        let events = progress
            .wait_for_finalized_success()
            .await
            .map_err(|error| format!("{error:?}"))?;
        Ok(events
            .iter()
            .map(|event| event.unwrap())
            .map(|event| format!("{}.{}", event.pallet_name(), event.event_name()))
            .collect())
    }

    /// A value of subtensor's storage, or its default, at the newest block.
    pub async fn get<T, Keys>(&self, item: &str, keys: Keys) -> T
    where
        T: DecodeAsType,
        Keys: dynamic_args::Keys + dynamic_args::DecodableKeys,
    {
        let address = dynamic::storage::<Keys, Value>("SubtensorModule", item);
        let at = self.api.at_current_block().await.unwrap();
        let value = at.storage().fetch(address, keys).await.unwrap();
        value.decode_as().unwrap()
    }

    /// A value of any pallet's storage, as text; empty where there is none.
    pub async fn text<Keys>(&self, pallet: &str, item: &str, keys: Keys) -> String
    where
        Keys: dynamic_args::Keys + dynamic_args::DecodableKeys,
    {
        let address = dynamic::storage::<Keys, Value>(pallet, item);
        let at = self.api.at_current_block().await.unwrap();
        let value = at.storage().try_fetch(address, keys).await.unwrap();
        let value = value.map(|value| format!("{:?}", value.decode().unwrap()));
        value.unwrap_or_default()
    }

    /// The names of the newest block's events, those of its beginning too.
    pub async fn events(&self) -> String {
        self.text("System", "Events", ()).await
    }

    /// The same call, made by root.
    pub async fn sudo(&self, chain: &DevChain, call: &str, args: Vec<Value>) -> String {
        let inner = Value::unnamed_variant(call, args);
        let inner = Value::unnamed_variant("AdminUtils", [inner]);
        let outcome = self.run_in(chain, "Alice", "Sudo", "sudo", (inner,)).await;
        outcome.unwrap();
        let events = self.events().await;
        let told = events.find("Sudid").unwrap();
        events[told..].to_owned()
    }

    /// A runtime API's answer.
    pub async fn ask<T: DecodeAsType, Args: dynamic_args::Keys>(
        &self,
        api: &str,
        method: &str,
        args: Args,
    ) -> T {
        let payload = dynamic::runtime_api_call::<_, T>(api, method, args);
        let at = self.api.at_current_block().await.unwrap();
        at.runtime_apis().call(payload).await.unwrap()
    }

    /// An account's free balance in rao.
    pub async fn free(&self, account: [u8; 32]) -> u64 {
        #[derive(DecodeAsType)]
        struct Info {
            data: Data,
        }
        #[derive(DecodeAsType)]
        struct Data {
            free: u64,
        }
        let address = dynamic::storage::<([u8; 32],), Info>("System", "Account");
        let at = self.api.at_current_block().await.unwrap();
        let info = at.storage().fetch(address, (account,)).await.unwrap();
        info.decode().unwrap().data.free
    }
}

/// What subxt's dynamic calls take.
pub mod dynamic_args {
    pub use frame_decode::helpers::IntoEncodableValues as Keys;
    pub use frame_decode::storage::IntoDecodableValues as DecodableKeys;
    pub use scale_encode::EncodeAsFields as Args;
}
