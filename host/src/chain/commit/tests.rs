//! Against the vectors of Bittensor's own packages.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::subnet::timelock::{BeaconKey, RoundSignature};

const VECTORS: &str = include_str!("../../subnet/timelock/vectors/drand_tle.json");

const HASHES: &str = include_str!("../../subnet/weights/vectors/weights_v10.5.0.json");

fn beacon() -> (BeaconKey, Beacon) {
    let key = BeaconKey::from_seed(&[1; 32]);
    let beacon = Beacon::new(&key.public_key(), 0, 1000).unwrap();
    (key, beacon)
}

fn window() -> Window {
    Window {
        epoch: 5,
        reveal_epoch: 6,
        reveal_block: 1360,
        reveal_end: 1720,
    }
}

fn weights() -> Weights {
    Weights(vec![(0, 65_535), (1, 32_768), (255, 1)])
}

#[test]
fn the_round_is_the_one_bittensor_seals_for() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let vector = &vectors["weights_commit"];
    let get = |name: &str| vector["args"][name].as_u64().unwrap();
    let schedule = epoch::Schedule::Counted {
        index: get("subnet_epoch_index"),
        last_epoch_block: get("last_epoch_block"),
        pending_epoch_at: get("pending_epoch_at"),
        blocks_since_last_step: get("blocks_since_last_step"),
    };
    let tempo = u16::try_from(get("tempo")).unwrap();
    let (head, period) = (get("current_block"), get("subnet_reveal_period_epochs"));
    let window = epoch::window(schedule, 1, tempo, head, period).unwrap();
    for now_ms in [1_795_353_961_673, 1_795_353_961_684] {
        let clock = Clock {
            head,
            now_ms,
            block_ms: 12_000,
            newest: 34_000_000,
        };
        let round = clock.round(&Beacon::quicknet(), &window);
        assert_eq!(Some(round), vector["reveal_round"].as_u64());
    }
}

#[test]
fn a_round_is_never_older_than_the_chain_s_newest() {
    // Rounds of a second from 0 on, blocks of 40 ms.
    let (_, beacon) = beacon();
    let mut clock = Clock {
        head: 100,
        now_ms: 50_000,
        block_ms: 40,
        newest: 51,
    };
    let window = |reveal_end| Window {
        reveal_block: 105,
        reveal_end,
        ..self::window()
    };
    // Round 52 is signed at 51,000 ms, when block 125 is made.
    assert_eq!(clock.round(&beacon, &window(126)), 52);
    assert_eq!(clock.round(&beacon, &window(115)), 51);
    clock.block_ms = 12_000;
    assert_eq!(clock.round(&beacon, &window(115)), 146);
}

#[test]
fn a_commit_opens_to_what_the_chain_decodes() {
    let (key, beacon) = beacon();
    let timelock = Some(Box::new(Timelock { beacon, round: 9 }));
    let way = Way::Commit {
        head: 1100,
        window: window(),
        timelock,
    };
    let hotkey = AccountId([7; 32]);
    let plan = plan(way, 1, hotkey, &weights(), 10_005_000).unwrap();
    let Plan::Commit { commit, payload } = plan else {
        panic!("it is a commit");
    };
    assert_eq!(commit.hiding, Hiding::Timelocked { round: 9 });
    assert_eq!(commit.hash, blake2_256(&payload));
    let signature = RoundSignature::from_bytes(&key.sign(9).to_bytes()).unwrap();
    let opened = signature.open(&payload).unwrap();
    // Compact lengths are four times the number; then 16 and 64 bits, low byte first.
    let expected = format!(
        "80{}0c00000100ff000cffff00800100{}",
        "07".repeat(32),
        hex::encode(10_005_000_u64.to_le_bytes())
    );
    assert_eq!(hex::encode(opened), expected);
}

#[test]
fn salts_differ_and_so_do_the_commits() {
    let commit = || {
        let way = Way::Commit {
            head: 1100,
            window: window(),
            timelock: None,
        };
        match plan(way, 1, AccountId([7; 32]), &weights(), 0).unwrap() {
            Plan::Commit { commit, payload } => (commit, payload),
            other => panic!("{other:?}"),
        }
    };
    let ((one, payload), (two, _)) = (commit(), commit());
    assert_eq!(payload, one.hash);
    assert_ne!(one.hash, two.hash);
    let Hiding::Salted { salt } = one.hiding else {
        panic!("it is salted");
    };
    let again = salted_hash(AccountId([7; 32]), 1, &weights(), &salt, 0);
    assert_eq!(again, one.hash);
}

#[test]
fn salted_hashes_are_bittensor_s() {
    let vectors: serde_json::Value = serde_json::from_str(HASHES).unwrap();
    for vector in vectors["generate_weight_hash"].as_array().unwrap() {
        let numbers = |name: &str| -> Vec<u16> {
            let list = vector[name].as_array().unwrap().iter();
            list.map(|it| u16::try_from(it.as_u64().unwrap()).unwrap())
                .collect()
        };
        let index = vector["netuid_or_storage_index"].as_u64().unwrap();
        let hash = salted_hash(
            vector["address"].as_str().unwrap().parse().unwrap(),
            u16::try_from(index).unwrap(),
            &Weights(numbers("uids").into_iter().zip(numbers("values")).collect()),
            &numbers("salt"),
            vector["version_key"].as_u64().unwrap(),
        );
        assert_eq!(format!("0x{}", hex::encode(hash)), vector["commit_hash"]);
    }
}
