//! Against extrinsics, payloads and calls of a real local subtensor.

#![allow(clippy::unwrap_used)]

use super::super::block::Header;
use super::super::call::{Call, WeightsCall};
use super::super::golden;
use super::*;

fn codec() -> Codec {
    golden::codec()
}

/// An extrinsic around a call, as //Alice would send it.
fn around(call: &[u8], extra: &[u8]) -> Vec<u8> {
    let alice = golden::bytes(&golden::file()["extrinsics"][0]["public_key_hex"]);
    let mut body = vec![SIGNED_V4, 0];
    body.extend_from_slice(&alice);
    body.push(1);
    body.extend_from_slice(&[7; 64]);
    body.extend_from_slice(extra);
    body.extend_from_slice(call);
    parity_scale_codec::Encode::encode(&body)
}

#[test]
fn real_extrinsics_come_apart_into_what_they_were_made_of() {
    for golden in golden::list("extrinsics") {
        let bytes = golden::bytes(&golden["extrinsic_hex"]);
        let extrinsic = Extrinsic::decode(&codec(), &bytes).unwrap();
        assert_eq!(
            extrinsic.hash.to_vec(),
            golden::bytes(&golden["extrinsic_hash"])
        );
        assert_eq!(
            extrinsic.signer.to_vec(),
            golden::bytes(&golden["public_key_hex"])
        );
        assert_eq!(extrinsic.call, golden::bytes(&golden["call_data_hex"]));
        assert_eq!(extrinsic.nonce, golden["nonce"].as_u64().unwrap());
        let immortal = golden["era"] == "00";
        assert_eq!(extrinsic.era == Era::Immortal, immortal);
        if !immortal {
            assert_eq!(
                extrinsic.era,
                Era::Mortal {
                    period: 64,
                    phase: 2
                }
            );
            assert_eq!(extrinsic.era.birth(67), 66);
            assert_eq!(extrinsic.era.birth(131), 130);
        }
    }
}

#[test]
fn signing_payloads_are_those_of_the_sdk() {
    let network = &golden::file()["network"];
    let genesis = golden::bytes(&network["genesis_hash"]).try_into().unwrap();
    for golden in golden::list("signature_payloads") {
        let payload = golden::bytes(&golden["payload_hex"]);
        let call = golden::bytes(&golden["call_data_hex"]);
        let birth = match golden["era_birth_block_hash"].as_str() {
            Some(_) => golden::bytes(&golden["era_birth_block_hash"])
                .try_into()
                .unwrap(),
            None => genesis,
        };
        // What follows the call: the extensions, then 4 + 4 + 32 + 32 + 1 implied.
        let extra = &payload[call.len()..payload.len() - 73];
        let implied = Implied {
            spec_version: 461,
            transaction_version: 1,
            genesis,
            birth,
        };
        let extrinsic = Extrinsic::decode(&codec(), &around(&call, extra)).unwrap();
        assert_eq!(extrinsic.payload(&codec(), &implied).unwrap(), payload);
    }
}

#[test]
fn a_real_signature_verifies_and_no_other_chain_takes_it() {
    let file = golden::file();
    let extrinsics = file["block"]["raw"]["block"]["extrinsics"]
        .as_array()
        .unwrap();
    let bytes = golden::bytes(extrinsics.last().unwrap());
    let extrinsic = Extrinsic::decode(&codec(), &bytes).unwrap();
    let genesis = golden::bytes(&file["network"]["genesis_hash"])
        .try_into()
        .unwrap();
    let implied = Implied {
        spec_version: 461,
        transaction_version: 1,
        genesis,
        birth: genesis,
    };
    assert!(extrinsic.verify(&codec(), &implied).unwrap());
    for wrong in [
        Implied {
            spec_version: 460,
            ..implied
        },
        Implied {
            transaction_version: 2,
            ..implied
        },
        Implied {
            genesis: [1; 32],
            ..implied
        },
        Implied {
            birth: [1; 32],
            ..implied
        },
    ] {
        assert!(!extrinsic.verify(&codec(), &wrong).unwrap(), "{wrong:?}");
    }
}

#[test]
fn covered_calls_decode_and_the_rest_is_left_alone() {
    for golden in golden::list("calls") {
        let bytes = golden::bytes(&golden["data_hex"]);
        let call = Call::decode(&codec(), &bytes).unwrap();
        let name = golden["function"].as_str().unwrap();
        let covered = [
            "transfer_keep_alive",
            "transfer_allow_death",
            "add_stake",
            "remove_stake",
            "burned_register",
            "set_weights",
            "remark",
            "sudo",
            "batch",
        ];
        assert_eq!(call != Call::Uncovered, covered.contains(&name), "{name}");
        if let Call::Weights(WeightsCall::Set(weights)) = call {
            assert_eq!((weights.netuid, weights.dests), (1, vec![0, 1]));
            assert_eq!((weights.weights, weights.version_key), (vec![100, 200], 0));
        }
    }
}

#[test]
fn a_real_header_hashes_to_its_block() {
    let file = golden::file();
    let raw = &file["block"]["raw"]["block"]["header"];
    let hash = |name: &str| golden::bytes(&raw[name]).try_into().unwrap();
    let logs = raw["digest"]["logs"].as_array().unwrap();
    let header = Header {
        parent: hash("parentHash"),
        number: 67,
        state_root: hash("stateRoot"),
        extrinsics_root: hash("extrinsicsRoot"),
        logs: logs.iter().map(golden::bytes).collect(),
    };
    assert_eq!(
        header.hash().to_vec(),
        golden::bytes(&file["block"]["block_hash"])
    );
    assert_eq!(header.json(), *raw);
}

#[test]
fn a_call_nested_without_end_is_not_followed() {
    let mut call = [12, 0].repeat(20_000);
    call.extend_from_slice(&[0, 0, 0]);
    assert_eq!(Call::decode(&codec(), &call), Ok(Call::Uncovered));
    let bytes = around(&call, &[0, 0, 0, 0]);
    assert!(Extrinsic::decode(&codec(), &bytes).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>, extra: Vec<u8>) {
        let codec = codec();
        let _ = Extrinsic::decode(&codec, &bytes);
        let _ = Call::decode(&codec, &bytes);
        let _ = Extrinsic::decode(&codec, &around(&bytes, &extra));
    }

    #[test]
    fn an_era_is_born_in_its_past(encoded: u16, current in 0_u64..1 << 40) {
        if let Ok(era @ Era::Mortal { period, .. }) = Era::decode(&encoded.to_le_bytes()) {
            let birth = era.birth(current.max(period));
            proptest::prop_assert!(birth <= current.max(period));
            proptest::prop_assert!(current.max(period) - birth < period);
        }
    }
}
