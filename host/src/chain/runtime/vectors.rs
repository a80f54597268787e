//! Three runtimes against bytes that Bittensor's own encoder and a real chain
//! made: what is sent, where it is kept, and what comes back.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value as Json;

use super::*;
use crate::chain::calls;
use crate::chain::metagraph::RawAxon;
use crate::chain::networks::FINNEY_GENESIS;
use crate::chain::neurons::{self, RawNeuron};
use crate::chain::testing::{self, shared461};
use crate::subnet::chain::AxonInfo;
use crate::subnet::key::{AccountId, Signature};
use crate::subnet::weights::Weights;

const CALLS_393: &str = include_str!("../../../tests/data/chain/scale_calls_spec393.json");
const TYPES_393: &str = include_str!("../../../tests/data/chain/epoch_and_types.json");
const GOLDEN_461: &str = include_str!("../../../tests/data/golden_461.json");

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn bytes(value: &Json) -> Vec<u8> {
    let text = value.as_str().unwrap();
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap()
}

fn each(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().unwrap().iter()
}

fn alice() -> AccountId {
    "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        .parse()
        .unwrap()
}

fn axon(address: &str) -> AxonInfo {
    AxonInfo {
        address: address.parse().unwrap(),
        protocol: 4,
        version: 10_005_000,
    }
}

fn runtimes() -> [Runtime; 3] {
    [
        testing::spec365(),
        testing::spec393(),
        testing::spec461([0; 32]),
    ]
}

/// The calls of the vectors that this client makes.
fn made() -> Vec<Call> {
    let weights = Weights(vec![(0, 65_535), (1, 32_768), (255, 1)]);
    let certificate = [&[1][..], &[0xaa; 32]].concat();
    vec![
        calls::set_weights(1, &weights, 10_005_000),
        calls::set_mechanism_weights(1, &weights, 0),
        calls::serve_axon(1, &axon("203.0.113.7:8091")),
        calls::serve_axon(1, &axon("[2001:db8::1]:8091")),
        calls::serve_axon_tls(1, &axon("203.0.113.7:8091"), &certificate),
        calls::burned_register(1, &alice()),
        calls::set_commitment(1, b"hello"),
        calls::set_commitment(1, &[b'x'; 200]),
    ]
}

#[test]
fn calls_are_the_bytes_that_bittensor_encodes() {
    let vectors = parsed(CALLS_393);
    let runtime = testing::spec393();
    for call in made() {
        let ours = runtime.call_data(&call).unwrap();
        let name = format!("{}.{}", call.pallet, call.name);
        let theirs: Vec<Vec<u8>> = each(&vectors["calls"])
            .filter(|vector| vector["call"] == name.as_str())
            .map(|vector| bytes(&vector["scale_hex"]))
            .collect();
        assert!(theirs.contains(&ours), "{name}: {}", hex::encode(&ours));
    }
}

#[test]
fn the_same_call_has_the_same_arguments_on_every_runtime() {
    let [old, middle, new] = runtimes();
    let withdrawn = calls::withdraw_axon(1);
    for call in made().iter().chain([&withdrawn]) {
        // Behind the indices of pallet and call, which change.
        let arguments = |runtime: &Runtime| runtime.call_data(call).unwrap()[2..].to_vec();
        assert_eq!(arguments(&old), arguments(&middle), "{}", call.name);
        assert_eq!(arguments(&new), arguments(&middle), "{}", call.name);
    }
}

#[test]
fn a_withdrawn_axon_is_what_bittensor_calls_reset() {
    // netuid 1, version 0, ip 0, port 1, type 4, protocol 4, no placeholders.
    let mut expected = vec![1, 0, 0, 0, 0, 0];
    expected.extend_from_slice(&[0; 16]);
    expected.extend_from_slice(&[1, 0, 4, 4, 0, 0]);
    let data = shared461().call_data(&calls::withdraw_axon(1)).unwrap();
    assert_eq!(data[2..], expected);
}

#[test]
fn calls_are_the_bytes_of_a_real_chain() {
    let golden = parsed(GOLDEN_461);
    let ours = [
        calls::set_weights(1, &Weights(vec![(0, 100), (1, 200)]), 0),
        calls::burned_register(
            1,
            &AccountId::from_ss58(
                each(&golden["calls"])
                    .find(|call| call["function"] == "burned_register")
                    .unwrap()["params"]["hotkey"]
                    .as_str()
                    .unwrap(),
            )
            .unwrap(),
        ),
    ];
    for call in ours {
        let theirs = each(&golden["calls"]).find(|theirs| theirs["function"] == call.name);
        let theirs = bytes(&theirs.unwrap()["data_hex"]);
        assert_eq!(
            shared461().call_data(&call).unwrap(),
            theirs,
            "{}",
            call.name
        );
    }
}

#[test]
fn storage_lies_where_bittensor_looks_for_it() {
    for vector in each(&parsed(CALLS_393)["storage_keys"]) {
        let (pallet, item) = vector["item"].as_str().unwrap().split_once('.').unwrap();
        let keys: Vec<Value> = each(&vector["params"])
            .map(|param| match param.as_str() {
                None => Value::u128(u128::from(param.as_u64().unwrap())),
                Some(text) => Value::from_bytes(AccountId::from_ss58(text).unwrap().0),
            })
            .collect();
        for runtime in runtimes() {
            let key = runtime.storage_key(pallet, item, keys.clone()).unwrap();
            assert_eq!(key, bytes(&vector["key_hex"]), "{pallet}.{item}");
        }
    }
}

/// Signs as the vector's key did, and keeps what it was given.
struct Replay {
    signature: [u8; 64],
    given: std::sync::Mutex<Vec<u8>>,
}

impl Signer for Replay {
    fn account(&self) -> AccountId {
        alice()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        *self.given.lock().unwrap() = message.to_vec();
        Signature(self.signature)
    }
}

#[test]
fn a_signed_extrinsic_is_the_one_that_bittensor_signs() {
    let vector = parsed(CALLS_393)["extrinsic"].clone();
    let runtime = testing::runtime(testing::SPEC_393, FINNEY_GENESIS, 393);
    let signer = Replay {
        signature: bytes(&vector["signature_sr25519"]).try_into().unwrap(),
        given: std::sync::Mutex::default(),
    };
    let birth = Head {
        number: vector["era"]["current_block"].as_u64().unwrap(),
        hash: bytes(&vector["era_block_hash"]).try_into().unwrap(),
    };
    let nonce = vector["nonce"].as_u64().unwrap();
    let call = calls::set_weights(1, &Weights(vec![(0, 65_535), (1, 1)]), 0);
    let ours = runtime.sign(&call, &signer, nonce, birth).unwrap();
    assert_eq!(hex::encode(ours), vector["extrinsic_hex"].as_str().unwrap());
    let given = hex::encode(&*signer.given.lock().unwrap());
    assert_eq!(given, vector["signature_payload"].as_str().unwrap());
}

#[test]
fn an_axon_and_a_neuron_read_as_bittensor_wrote_them() {
    let vectors = parsed(TYPES_393);
    let [axon, neuron] = [0, 1].map(|place| bytes(&vectors["types_spec393"][place]["scale_hex"]));
    // A list of one.
    let neurons = [&[4][..], &neuron].concat();
    for runtime in runtimes() {
        let read: RawAxon = runtime
            .storage_value(calls::PALLET, "Axons", Some(&axon))
            .unwrap();
        assert_eq!(read.read(), Some(super::vectors::axon("203.0.113.7:8091")));
        let mut read: Vec<RawNeuron> = runtime
            .api_value(neurons::API, neurons::METHOD, &neurons)
            .unwrap();
        let read = read.pop().unwrap().read(1, 300, 7).unwrap();
        assert_eq!((read.uid, read.hotkey, read.active), (300, alice(), true));
        assert_eq!(read.stake_rao, 1_000_000_000_000);
        assert_eq!(read.emission_rao, 123_456_789);
        assert_eq!((read.incentive, read.dividends), (65_535, 3));
        assert_eq!((read.last_update, read.registered_at), (7_000_000, 7));
        assert!(read.validator_permit && read.axon.is_some());
    }
}

#[test]
fn a_real_chain_s_neurons_are_read() {
    let golden = parsed(GOLDEN_461);
    let call = each(&golden["runtime_calls"]).find(|call| call["method"] == neurons::METHOD);
    let answer = bytes(&call.unwrap()["raw_hex"]);
    let read: Vec<RawNeuron> = shared461()
        .api_value(neurons::API, neurons::METHOD, &answer)
        .unwrap();
    assert_eq!(read.len(), 1);
    assert!(read.into_iter().next().unwrap().read(1, 0, 0).is_some());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    #[test]
    fn no_axon_makes_the_reader_panic(stored in proptest::collection::vec(proptest::num::u8::ANY, 0..48)) {
        let read = shared461().storage_value::<RawAxon>(calls::PALLET, "Axons", Some(&stored));
        if let Ok(axon) = read
            && let Some(axon) = axon.read()
        {
            proptest::prop_assert!(axon.address.port() > 0);
            proptest::prop_assert!(!axon.address.ip().is_unspecified());
        }
    }

    #[test]
    fn no_neurons_make_the_reader_panic(answer: Vec<u8>, at in 0..200_usize, byte: u8) {
        let vectors = parsed(TYPES_393);
        let mut known = [&[4][..], &bytes(&vectors["types_spec393"][1]["scale_hex"])].concat();
        if let Some(place) = known.get_mut(at) {
            *place = byte;
        }
        for answer in [answer, known] {
            let read = shared461().api_value::<Vec<RawNeuron>>(neurons::API, neurons::METHOD, &answer);
            for neuron in read.into_iter().flatten() {
                let _ = neuron.read(1, 300, 0);
            }
        }
    }
}
