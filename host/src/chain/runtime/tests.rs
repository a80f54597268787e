//! Both runtimes' metadata against bytes that other implementations made.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::chain::calls;
use crate::subnet::key::{AccountId, Signature};

const GOLDEN_461: &str = include_str!("../../../tests/data/golden_461.json");

fn golden() -> serde_json::Value {
    serde_json::from_str(GOLDEN_461).unwrap()
}

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap()
}

fn spec461() -> Runtime {
    let genesis = bytes(&golden()["network"]["genesis_hash"]);
    crate::chain::testing::spec461(genesis.try_into().unwrap())
}

fn spec393() -> Runtime {
    crate::chain::testing::spec393()
}

fn hotkey() -> AccountId {
    "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        .parse()
        .unwrap()
}

/// The bytes after pallet and call index, which differ between runtimes.
fn arguments(runtime: &Runtime, call: &Call) -> Vec<u8> {
    runtime.call_data(call).unwrap()[2..].to_vec()
}

#[test]
fn calls_of_a_newer_runtime_are_known_by_name() {
    assert!(spec461().has_call("SubtensorModule", "register_limit"));
    assert!(!spec393().has_call("SubtensorModule", "register_limit"));
    assert!(!spec461().has_call("SubtensorModule", "no_such_call"));
    let call = calls::register_limit(1, &hotkey(), 1_000_000_000);
    let mut expected = vec![1, 0];
    expected.extend_from_slice(&hotkey().0);
    expected.extend_from_slice(&1_000_000_000_u64.to_le_bytes());
    assert_eq!(arguments(&spec461(), &call), expected);
    assert!(spec393().call_data(&call).is_err());
}

#[test]
fn storage_lies_where_a_real_chain_keeps_it() {
    let runtime = spec461();
    for vector in golden()["storage_keys"].as_array().unwrap() {
        let pallet = vector["pallet"].as_str().unwrap();
        let item = vector["storage_function"].as_str().unwrap();
        let keys: Vec<Value> = vector["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|param| match param.as_str() {
                None => Value::u128(u128::from(param.as_u64().unwrap())),
                Some(text) if text.starts_with("0x") => Value::from_bytes(bytes(param)),
                Some(text) => Value::from_bytes(AccountId::from_ss58(text).unwrap().0),
            })
            .collect();
        let key = runtime.storage_key(pallet, item, keys).unwrap();
        assert_eq!(key, bytes(&vector["key_hex"]), "{pallet}.{item}");
    }
}

#[test]
fn an_item_that_is_not_stored_has_its_default() {
    // Mainnet's tempo, and that of a local chain with fast blocks.
    for (runtime, default) in [(spec393(), 360), (spec461(), 10)] {
        let tempo: u16 = runtime.storage_value(calls::PALLET, "Tempo", None).unwrap();
        assert_eq!(tempo, default);
        let commit_reveal: bool = runtime
            .storage_value(calls::PALLET, "CommitRevealWeightsEnabled", None)
            .unwrap();
        assert!(commit_reveal);
        assert!(
            runtime
                .storage_value::<u16>(calls::PALLET, "Nothing", None)
                .is_err()
        );
        assert!(
            runtime
                .storage_value::<u16>(calls::PALLET, "Tempo", Some(&[1]))
                .is_err()
        );
    }
}

struct Fixed;

impl Signer for Fixed {
    fn account(&self) -> AccountId {
        hotkey()
    }

    /// The signature of the vectors: 1, 2, 3 ... 64.
    fn sign(&self, _message: &[u8]) -> Signature {
        let mut bytes = [0; 64];
        for (byte, value) in bytes.iter_mut().zip(1..) {
            *byte = value;
        }
        Signature(bytes)
    }
}

#[test]
fn a_signed_extrinsic_has_the_shape_of_a_real_one() {
    let extrinsics = golden()["extrinsics"].clone();
    let theirs = bytes(&extrinsics[1]["extrinsic_hex"]);
    let birth = Head {
        number: 66,
        hash: [9; 32],
    };
    let call = calls::burned_register(1, &hotkey());
    let ours = spec461().sign(&call, &Fixed, 11, birth).unwrap();
    let data = spec461().call_data(&call).unwrap();
    // Behind the length: version, address, signature, era, nonce, tip, mode, call.
    let head = 1 + 33 + 65;
    assert_eq!(ours[2..2 + head], theirs[2..2 + head]);
    // Era 128 from block 66: period 2^7 and phase 66; then nonce 11, no tip, no hash.
    let era = u16::from_le_bytes([ours[2 + head], ours[3 + head]]);
    assert_eq!((era & 0xf, era >> 4), (6, 66));
    assert_eq!(ours[4 + head..7 + head], theirs[4 + head..7 + head]);
    assert_eq!(ours[7 + head..], data);
}

#[test]
fn what_is_signed_binds_to_chain_runtime_and_era() {
    struct Recorder(std::sync::Mutex<Vec<u8>>);
    impl Signer for Recorder {
        fn account(&self) -> AccountId {
            hotkey()
        }
        fn sign(&self, message: &[u8]) -> Signature {
            *self.0.lock().unwrap() = message.to_vec();
            Signature([0; 64])
        }
    }
    let recorder = Recorder(std::sync::Mutex::default());
    let birth = Head {
        number: 66,
        hash: [9; 32],
    };
    let runtime = spec461();
    let call = calls::burned_register(1, &hotkey());
    runtime.sign(&call, &recorder, 7, birth).unwrap();
    let mut expected = runtime.call_data(&call).unwrap();
    expected.extend_from_slice(&[0x26, 0x04, 7 << 2, 0, 0]);
    expected.extend_from_slice(&461_u32.to_le_bytes());
    expected.extend_from_slice(&1_u32.to_le_bytes());
    expected.extend_from_slice(&bytes(&golden()["network"]["genesis_hash"]));
    expected.extend_from_slice(&[9; 32]);
    expected.push(0);
    assert_eq!(
        hex::encode(&*recorder.0.lock().unwrap()),
        hex::encode(expected)
    );
}

#[test]
fn a_block_s_events_say_what_became_of_each_extrinsic() {
    let runtime = spec461();
    let events = bytes(&golden()["events"]["raw_hex"]);
    for index in 0..3 {
        assert_eq!(runtime.outcome(&events, index).unwrap(), Outcome::Success);
    }
    assert!(runtime.outcome(&events, 3).is_err());
    assert!(runtime.outcome(&events[..40], 2).is_err());
}

/// One event: extrinsic 0 failed with `error`.
fn failure(error: &[u8]) -> Vec<u8> {
    let mut events = vec![1 << 2, 0, 0, 0, 0, 0, 0, 1];
    events.extend_from_slice(error);
    // Weight, class, fee, no topics.
    events.extend_from_slice(&[0, 0, 0, 0, 0]);
    events
}

#[test]
fn an_error_has_the_name_that_the_runtime_gives_it() {
    for runtime in [spec393(), spec461()] {
        let pallet = runtime.metadata().pallet_by_name(calls::PALLET).unwrap();
        for name in ["SettingWeightsTooFast", "NeuronNoValidatorPermit"] {
            let error = pallet
                .error_variants()
                .unwrap()
                .iter()
                .find(|variant| variant.name == name)
                .unwrap();
            let events = failure(&[3, pallet.error_index(), error.index, 0, 0, 0]);
            assert_eq!(
                runtime.outcome(&events, 0).unwrap(),
                Outcome::Failed(name.to_owned())
            );
        }
        assert_eq!(
            runtime.outcome(&failure(&[2]), 0).unwrap(),
            Outcome::Failed("BadOrigin".to_owned())
        );
        let unknown = failure(&[3, 7, 250, 0, 0, 0]);
        assert_eq!(
            runtime.outcome(&unknown, 0).unwrap(),
            Outcome::Failed("error 250 of pallet 7".to_owned())
        );
    }
}

#[test]
fn metadata_that_is_cut_or_absent_is_nonsense() {
    let whole = crate::chain::testing::SPEC_461;
    let versions = spec461().versions();
    for cut in [0, 4, 5, 1000, whole.len() / 2] {
        assert!(Runtime::new(&whole[..cut], [0; 32], versions).is_err());
    }
    assert!(Runtime::metadata_answer(&[0]).is_err());
    assert!(Runtime::metadata_answer(&[]).is_err());
    assert!(Runtime::metadata_answer(&[1, 255, 255]).is_err());
    assert_eq!(Runtime::metadata_answer(&[1, 8, 5, 6]).unwrap(), [5, 6]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_events_make_the_reader_panic(events: Vec<u8>, index in 0..4_u32) {
        let _ = crate::chain::testing::shared461().outcome(&events, index);
    }
}
