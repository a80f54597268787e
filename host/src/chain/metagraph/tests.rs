//! Answers encoded by the runtimes' own descriptions.
#![allow(clippy::unwrap_used, clippy::panic)]

use subxt::dynamic::Value;

use super::*;
use crate::chain::runtime::Runtime;
use crate::chain::testing::{metagraph_answer, shared461, spec365, spec393};

fn numbers(values: &[u128]) -> Value {
    Value::unnamed_composite(values.iter().map(|value| Value::u128(*value)))
}

fn keys(keys: &[[u8; 32]]) -> Value {
    Value::unnamed_composite(keys.iter().map(Value::from_bytes))
}

fn flags(flags: &[bool]) -> Value {
    Value::unnamed_composite(flags.iter().map(|flag| Value::bool(*flag)))
}

fn axon(ip: u128, port: u16, ip_type: u8) -> Value {
    Value::named_composite(
        [
            ("block", 7_u128),
            ("version", 1),
            ("ip", ip),
            ("port", u128::from(port)),
            ("ip_type", u128::from(ip_type)),
            ("protocol", 4),
            ("placeholder1", 0),
            ("placeholder2", 0),
        ]
        .map(|(name, value)| (name, Value::u128(value))),
    )
}

/// Subnet 3 with two neurons at block 1000.
fn fields() -> Vec<(&'static str, Value)> {
    vec![
        ("netuid", Value::u128(3)),
        ("name", numbers(&[0xff, 0x1b, 0x5b])),
        ("owner_hotkey", Value::from_bytes([1; 32])),
        ("block", Value::u128(1000)),
        ("tempo", Value::u128(10)),
        ("min_allowed_weights", Value::u128(2)),
        ("max_weights_limit", Value::u128(65_535)),
        ("weights_version", Value::u128(9)),
        ("weights_rate_limit", Value::u128(100)),
        ("serving_rate_limit", Value::u128(50)),
        ("activity_cutoff", Value::u128(5000)),
        ("commit_reveal_weights_enabled", Value::bool(true)),
        ("immunity_period", Value::u128(4096)),
        ("burn", Value::u128(1_000_000_000_000)),
        ("max_uids", Value::u128(256)),
        ("hotkeys", keys(&[[1; 32], [2; 32]])),
        ("coldkeys", keys(&[[3; 32], [4; 32]])),
        (
            "axons",
            Value::unnamed_composite([axon(3_405_803_783, 8091, 4), axon(0, 0, 4)]),
        ),
        ("active", flags(&[true, false])),
        ("validator_permit", flags(&[true, false])),
        ("last_update", numbers(&[990, 5])),
        ("emission", numbers(&[7, 1_u128 << 40])),
        ("dividends", numbers(&[65_535, 0])),
        ("incentives", numbers(&[0, 65_535])),
        ("block_at_registration", numbers(&[1, 2])),
        ("total_stake", numbers(&[1_u128 << 60, 0])),
    ]
}

fn with(name: &str, value: Value) -> Vec<(&'static str, Value)> {
    let mut fields = fields();
    fields
        .iter_mut()
        .find(|(known, _)| *known == name)
        .unwrap()
        .1 = value;
    fields
}

fn read(runtime: &Runtime, fields: Vec<(&'static str, Value)>) -> Result<Metagraph, ChainError> {
    let answer = metagraph_answer(runtime, fields);
    let raw: Option<Raw> = runtime.api_value(API, METHOD, &answer).unwrap();
    raw.unwrap().read(3, epoch::Schedule::Derived)
}

#[test]
fn a_metagraph_reads_the_same_from_every_runtime() {
    for runtime in [&spec365(), &spec393(), shared461()] {
        let metagraph = read(runtime, fields()).unwrap();
        assert_eq!((metagraph.netuid, metagraph.block), (3, 1000));
        assert_eq!(metagraph.rules.tempo, 10);
        assert_eq!(metagraph.rules.burn_rao, 1_000_000_000_000);
        assert_eq!(metagraph.rules.weights_version_key, 9);
        assert!(metagraph.rules.commit_reveal);
        assert_eq!(metagraph.burn_uid(), Some(0));
        let [first, second] = &metagraph.neurons[..] else {
            panic!("two neurons");
        };
        assert_eq!(
            first.axon.unwrap().address,
            "203.0.113.7:8091".parse().unwrap()
        );
        assert_eq!(first.stake_rao, 1 << 60);
        assert!(first.validator_permit && first.active);
        assert_eq!(
            (second.uid, second.incentive, second.emission_rao),
            (1, 65_535, 1 << 40)
        );
        assert_eq!(second.axon, None);
        assert_eq!(second.coldkey, AccountId([4; 32]));
    }
}

#[test]
fn a_subnet_that_is_not_there_is_none() {
    let raw: Option<Raw> = shared461().api_value(API, METHOD, &[0]).unwrap();
    assert!(raw.is_none());
}

#[test]
fn columns_of_different_lengths_are_nonsense() {
    for short in ["coldkeys", "axons", "active", "last_update", "total_stake"] {
        let read = read(shared461(), with(short, Value::unnamed_composite([])));
        assert!(matches!(read, Err(ChainError::Nonsense(_))), "{short}");
    }
    assert!(matches!(
        read(shared461(), with("netuid", Value::u128(4))),
        Err(ChainError::Nonsense(_))
    ));
}

#[test]
fn an_announcement_that_is_no_address_is_none() {
    for odd in [
        axon(1 << 40, 8091, 4),
        axon(1, 8091, 5),
        axon(1, 0, 4),
        axon(0, 8091, 6),
    ] {
        let axons = Value::unnamed_composite([odd, axon(1, 8091, 6)]);
        let metagraph = read(shared461(), with("axons", axons)).unwrap();
        assert_eq!(metagraph.neurons[0].axon, None);
        assert_eq!(
            metagraph.neurons[1].axon.unwrap().address,
            "[::1]:8091".parse().unwrap()
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_answer_makes_the_reader_panic(cut in 0..600_usize, at in 0..600_usize, byte: u8) {
        let mut answer = metagraph_answer(shared461(), fields());
        if let Some(place) = answer.get_mut(at) {
            *place = byte;
        }
        answer.truncate(cut);
        if let Ok(Some(raw)) = shared461().api_value::<Option<Raw>>(API, METHOD, &answer) {
            let _ = raw.read(3, epoch::Schedule::Derived);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut answer: Vec<u8>) {
        answer.insert(0, 1);
        if let Ok(Some(raw)) = shared461().api_value::<Option<Raw>>(API, METHOD, &answer) {
            let _ = raw.read(3, epoch::Schedule::Derived);
        }
    }
}
