//! Against Bittensor's own ciphertexts, and against strangers.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("vectors/drand_tle.json");
/// The round that the vectors' signature is of.
const ROUND: u64 = 1000;

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn quicknet_signature() -> RoundSignature {
    let bytes = bytes(&vectors()["round_1000_signature"]);
    RoundSignature::from_bytes(&bytes.try_into().unwrap()).unwrap()
}

/// What is in SCALE's `UserData { Vec<u8>, u64 }`, which `encrypt` of
/// `bittensor-drand` wraps around a sealed message.
fn unwrapped(envelope: &[u8]) -> &[u8] {
    let compact = usize::from(u16::from_le_bytes([envelope[0], envelope[1]]));
    assert_eq!(compact & 3, 1, "two bytes of length");
    &envelope[2..2 + (compact >> 2)]
}

fn beacon(seed: u8) -> (BeaconKey, Beacon) {
    let key = BeaconKey::from_seed(&[seed; 32]);
    let beacon = Beacon::new(&key.public_key(), 1000, 100).unwrap();
    (key, beacon)
}

#[test]
fn quicknet_signed_round_1000_as_the_vectors_say() {
    let quicknet = Beacon::quicknet();
    assert_eq!(
        hex::encode(quicknet.public_key()),
        vectors()["quicknet"]["public_key"]
    );
    assert!(quicknet.verify(ROUND, &quicknet_signature()));
    assert!(!quicknet.verify(ROUND + 1, &quicknet_signature()));
}

#[test]
fn what_bittensor_sealed_opens() {
    let vectors = vectors();
    for case in vectors["cases"].as_array().unwrap() {
        assert_eq!(case["round"], ROUND);
        let envelope = bytes(&case["userdata_envelope_hex"]);
        let opened = quicknet_signature().open(unwrapped(&envelope)).unwrap();
        assert_eq!(opened, bytes(&case["plaintext_hex"]));
    }
}

#[test]
fn bittensor_s_bytes_are_written_as_they_were_read() {
    let vectors = vectors();
    for sealed in [
        &vectors["weights_commit"]["commit_hex"],
        &vectors["commitment"]["ciphertext_hex"],
    ] {
        let sealed = bytes(sealed);
        assert_eq!(wire::write(&wire::read(&sealed).unwrap()), sealed);
    }
}

#[test]
fn what_we_seal_opens_with_quicknet_s_signature() {
    for message in [&b""[..], b"weights", &[7; 4000]] {
        let sealed = Beacon::quicknet().seal(message, ROUND).unwrap();
        assert_eq!(quicknet_signature().open(&sealed).unwrap(), message);
    }
}

#[test]
fn only_the_round_s_own_signature_of_that_beacon_opens() {
    let (key, beacon) = beacon(1);
    let sealed = beacon.seal(b"weights", 7).unwrap();
    assert_eq!(key.sign(7).open(&sealed).unwrap(), b"weights");
    assert_eq!(key.sign(8).open(&sealed), Err(TimelockError::NotOpened));
    let other = BeaconKey::from_seed(&[2; 32]);
    assert_eq!(other.sign(7).open(&sealed), Err(TimelockError::NotOpened));
}

#[test]
fn a_signature_is_the_same_after_its_bytes_and_only_its_beacon_s() {
    let (key, beacon) = beacon(1);
    let signature = RoundSignature::from_bytes(&key.sign(7).to_bytes()).unwrap();
    assert_eq!(signature, key.sign(7));
    assert!(beacon.verify(7, &signature));
    assert!(!Beacon::quicknet().verify(7, &signature));
}

#[test]
fn more_than_the_chain_takes_is_not_sealed() {
    let long = Beacon::quicknet().seal(&[0; SEALED_BYTES_MAX], 1);
    assert!(matches!(long, Err(TimelockError::TooLong(_))));
    let long = quicknet_signature().open(&[0; SEALED_BYTES_MAX + 1]);
    assert!(matches!(long, Err(TimelockError::TooLong(_))));
}

#[test]
fn rounds_are_signed_a_period_apart() {
    let (_, beacon) = beacon(1);
    assert_eq!(beacon.newest_round(999), None);
    assert_eq!(beacon.newest_round(1000), Some(1));
    assert_eq!(beacon.newest_round(1199), Some(2));
    assert_eq!(beacon.signed_at_ms(2), 1100);
    assert_eq!(beacon.settled_round(0), 1);
    assert_eq!(beacon.settled_round(1199), 1);
    assert_eq!(beacon.settled_round(1200), 2);
    assert_eq!(beacon.signed_at_ms(u64::MAX), u64::MAX);
    let key = Beacon::quicknet().public_key();
    assert_eq!(Beacon::new(&key, 0, 0), Err(TimelockError::NoPeriod));
}

/// Compressed points that are none, or are in the curve's other subgroups.
#[test]
fn points_that_are_none_are_refused() {
    let mut infinity = [0; PUBLIC_KEY_BYTES];
    infinity[0] = 0xc0;
    let mut off_subgroup = 0;
    for x in 0..64 {
        let mut key = [0; PUBLIC_KEY_BYTES];
        (key[0], key[95]) = (0x80, x);
        assert!(Beacon::new(&key, 0, 1).is_err());
        let mut signature = [0; SIGNATURE_BYTES];
        (signature[0], signature[47]) = (0x80, x);
        assert!(RoundSignature::from_bytes(&signature).is_err());
        use ark_serialize::CanonicalDeserialize as _;
        let unchecked = ark_bls12_381::G2Affine::deserialize_compressed_unchecked(&key[..]);
        off_subgroup += u32::from(unchecked.is_ok());
    }
    assert!(off_subgroup > 0, "the loop proves nothing of subgroups");
    assert!(Beacon::new(&infinity, 0, 1).is_err());
    assert!(RoundSignature::from_bytes(&infinity[..48].try_into().unwrap()).is_err());
    let mut sealed = bytes(&vectors()["weights_commit"]["commit_hex"]);
    sealed[..PUBLIC_KEY_BYTES].copy_from_slice(&infinity);
    assert!(matches!(
        wire::read(&sealed),
        Err(TimelockError::NoPoint(_))
    ));
}

#[test]
fn a_message_cut_anywhere_or_made_longer_does_not_open() {
    let (key, beacon) = beacon(1);
    let sealed = beacon.seal(b"weights", 7).unwrap();
    for length in 0..sealed.len() {
        let cut = key.sign(7).open(&sealed[..length]);
        assert!(matches!(cut, Err(TimelockError::Malformed(_))), "{length}");
    }
    let longer = [&sealed[..], &[0]].concat();
    assert!(key.sign(7).open(&longer).is_err());
}

proptest! {
    // A pairing takes long in a test build.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn one_byte_altered_anywhere_does_not_open(at in 0_usize..10_000, by in 1_u8..) {
        let vectors = vectors();
        let envelope = bytes(&vectors["cases"][0]["userdata_envelope_hex"]);
        let mut sealed = unwrapped(&envelope).to_vec();
        let at = at % sealed.len();
        sealed[at] ^= by;
        prop_assert!(quicknet_signature().open(&sealed).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(sealed: Vec<u8>, length: u64) {
        prop_assert!(wire::read(&sealed).is_err());
        // A point, and then a length that may be anything.
        let mut sealed = bytes(&vectors()["weights_commit"]["commit_hex"]);
        sealed[PUBLIC_KEY_BYTES..PUBLIC_KEY_BYTES + 8].copy_from_slice(&length.to_le_bytes());
        prop_assert!(length == 32 || wire::read(&sealed).is_err());
    }
}
