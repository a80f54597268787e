//! Timelocks against Python's packages, both ways.

use host::subnet::timelock::{Beacon, RoundSignature};

use crate::python::{self, V10, V11};

const VECTORS: &str = include_str!("../../../src/subnet/timelock/vectors/drand_tle.json");
/// The round that the vectors have quicknet's signature of.
const ROUND: u64 = 1000;

/// SCALE's `UserData { Vec<u8>, u64 }`, which the packages wrap around a sealed
/// message: a compact length of two bytes, for what is shorter than 2^14.
fn wrapped(sealed: &[u8]) -> Vec<u8> {
    let length = u16::try_from(sealed.len()).unwrap() << 2 | 1;
    [&length.to_le_bytes(), sealed, &ROUND.to_le_bytes()].concat()
}

fn unwrapped(envelope: &[u8]) -> &[u8] {
    let length = u16::from_le_bytes([envelope[0], envelope[1]]);
    assert_eq!(length & 3, 1, "two bytes of length");
    &envelope[2..2 + usize::from(length >> 2)]
}

#[test]
fn python_opens_what_we_seal_and_we_open_what_python_seals() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let hex = vectors["round_1000_signature"].as_str().unwrap();
    let bytes = hex::decode(hex).unwrap().try_into().unwrap();
    let signature = RoundSignature::from_bytes(&bytes).unwrap();
    for environment in [V10, V11] {
        let Some(mut command) = python::script(environment, "timelock.py") else {
            continue;
        };
        let ours = wrapped(&Beacon::quicknet().seal(b"from rust", ROUND).unwrap());
        command.args([hex, &ROUND.to_string(), &hex::encode(ours)]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{environment}: {said}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut lines = printed.lines().map(|line| hex::decode(line).unwrap());
        assert_eq!(lines.next().unwrap(), b"from rust", "{environment}");
        let theirs = lines.next().unwrap();
        assert_eq!(signature.open(unwrapped(&theirs)).unwrap(), b"from python");
    }
}
