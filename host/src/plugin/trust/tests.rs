//! Who comes in, and who does not.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::plugin::manifest::example;
use crate::subnet::key::{AccountId, Scheme, Signature, Signer};
use crate::subnet::plugin::World;

struct Hotkey(schnorrkel::Keypair);

impl Signer for Hotkey {
    fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }
    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

fn hotkey(seed: u8) -> Hotkey {
    let mini = schnorrkel::MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
    Hotkey(mini.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519))
}

fn key(seed: u8) -> Key {
    Key {
        scheme: Scheme::Sr25519,
        account: hotkey(seed).account(),
    }
}

/// `threshold` of the keys 1, 2 and 3.
fn trust(threshold: usize) -> Trust {
    let rule = Rule {
        keys: vec![key(1), key(2), key(3)],
        threshold,
        ..Rule::default()
    };
    Trust {
        netuid: Some(27),
        by_name: [("example".to_owned(), rule)].into(),
        ..Trust::default()
    }
}

const NOW: Instant = Instant(1_800_000_000);
const OFFER: Occasion = Occasion::Offer { now: NOW };

fn signed(manifest: Manifest, seeds: &[u8]) -> Signed {
    let mut signed = manifest.unsigned().unwrap();
    for seed in seeds {
        let mut one = signed.clone();
        one.signatures.clear();
        one.sign(&hotkey(*seed));
        // A key that signs twice stands there twice.
        signed.signatures.extend(one.signatures);
    }
    signed
}

fn checked(trust: &Trust, signed: &Signed, seen: &Sequences) -> Result<usize, TrustError> {
    check_signatures(trust, signed, seen, OFFER).map(|keys| keys.len())
}

#[test]
fn k_of_n_counts_each_key_once_and_strangers_never() {
    let none = Sequences::new();
    let check = |seeds: &[u8]| checked(&trust(2), &signed(example(), seeds), &none);
    assert_eq!(check(&[1, 3]), Ok(2));
    assert_eq!(check(&[1, 2, 3, 9]), Ok(3));
    for seeds in [&[][..], &[1], &[1, 1, 1], &[1, 9, 8]] {
        let refused = check(seeds).unwrap_err();
        let TrustError::TooFew { need: 2, .. } = &refused else {
            panic!("{seeds:?}: {refused}");
        };
        assert!(refused.remedy().contains(&key(2).to_string()));
    }
}

#[test]
fn a_rule_of_no_signatures_lets_nothing_in() {
    let none = Sequences::new();
    let refused = checked(&trust(0), &signed(example(), &[]), &none);
    assert!(matches!(refused, Err(TrustError::TooFew { need: 1, .. })));
    let refused = checked(&Trust::default(), &signed(example(), &[1]), &none).unwrap_err();
    assert!(matches!(refused, TrustError::NobodysKey { .. }));
    let line = format!("trust.plugins.example.keys = [\"{}\"]", key(1));
    assert!(refused.remedy().contains(&line), "{}", refused.remedy());
}

#[test]
fn a_revoked_key_counts_for_nothing_and_revoked_bytes_never_come_in() {
    let mut trust = trust(2);
    trust.revoked_keys = vec![key(1)];
    let refused = checked(&trust, &signed(example(), &[1, 2]), &Sequences::new()).unwrap_err();
    assert!(refused.to_string().contains("is revoked"), "{refused}");
    assert!(!refused.remedy().contains(&key(1).to_string()));
    trust.revoked_digests = [Digest([7; 32])].into();
    assert_eq!(
        check_revoked(&trust, Digest([7; 32])),
        Err(TrustError::Revoked(Digest([7; 32])))
    );
}

#[test]
fn the_worlds_rule_counts_where_no_name_has_one() {
    let mut trust = trust(1);
    let rule = trust.by_name.remove("example").unwrap();
    let policy = Subject::Plugin(World::ScoringPolicy);
    trust.by_subject.insert(policy, rule);
    assert_eq!(
        checked(&trust, &signed(example(), &[1]), &Sequences::new()),
        Ok(1)
    );
}

#[test]
fn another_subnets_and_an_expired_manifest_are_refused() {
    let check = |manifest: Manifest, occasion| {
        let signed = signed(manifest, &[1]);
        check_signatures(&trust(1), &signed, &Sequences::new(), occasion).map(|_| ())
    };
    let of = |netuid| Manifest {
        netuid,
        ..example()
    };
    assert_eq!(check(of(Some(27)), OFFER), Ok(()));
    assert_eq!(check(of(Some(28)), OFFER), Err(TrustError::OtherSubnet(28)));
    let until = |second| Manifest {
        expires: Some(Instant(second)),
        ..example()
    };
    assert_eq!(check(until(NOW.0 + 1), OFFER), Ok(()));
    assert_eq!(check(until(NOW.0), OFFER), Err(TrustError::Expired(NOW)));
    // What was admitted before it expired goes on after a restart.
    let again = Occasion::Again { now: NOW };
    assert_eq!(
        check(until(NOW.0), again),
        Err(TrustError::Expired(Instant(NOW.0)))
    );
    assert_eq!(check(until(NOW.0 + 1), again), Ok(()));
}

#[test]
fn numbers_only_grow_and_stand_for_one_content() {
    let number = |sequence, byte| {
        let manifest = Manifest {
            sequence,
            digest: Digest([byte; 32]),
            ..example()
        };
        signed(manifest, &[1])
    };
    let mut seen = Sequences::new();
    let five = number(5, 5);
    note(&mut seen, &five.manifest, &[key(1)]);
    assert_eq!(checked(&trust(1), &five, &seen), Ok(1));
    assert_eq!(checked(&trust(1), &number(6, 6), &seen), Ok(1));
    let older = checked(&trust(1), &number(4, 4), &seen).unwrap_err();
    assert!(matches!(older, TrustError::Older { seen: 5, .. }));
    assert!(older.remedy().contains("--allow-downgrade"));
    let two = checked(&trust(1), &number(5, 6), &seen);
    assert!(matches!(two, Err(TrustError::TwoUnderOneNumber { .. })));
    let downgrade = Occasion::Downgrade { now: NOW };
    assert!(check_signatures(&trust(1), &number(4, 4), &seen, downgrade).is_ok());
    // The highest stays the highest.
    note(&mut seen, &number(4, 4).manifest, &[key(1)]);
    assert_eq!(seen["example"][&key(1).to_string()].sequence, 5);
}

#[test]
fn another_keys_numbers_are_its_own() {
    let mut seen = Sequences::new();
    note(
        &mut seen,
        &Manifest {
            sequence: 9,
            ..example()
        },
        &[key(1)],
    );
    assert_eq!(checked(&trust(1), &signed(example(), &[2]), &seen), Ok(1));
    // One that knows better is enough.
    assert!(checked(&trust(1), &signed(example(), &[1, 2]), &seen).is_err());
}

#[test]
fn a_manifest_of_other_bytes_or_of_another_plugin_is_refused() {
    let package = Package {
        origin: "x".into(),
        bytes: vec![],
        digest: Digest([8; 32]),
        manifest: Some(signed(example(), &[1])),
    };
    let refused = check_digest(&package).unwrap_err();
    assert!(matches!(
        refused,
        TrustError::Mismatch { what: "digest", .. }
    ));
    let policy = Subject::Plugin(World::ScoringPolicy);
    let check = |name, version, subject| check_described(&example(), name, version, subject);
    assert_eq!(check("example", "1.0.0", policy), Ok(()));
    assert!(check("other", "1.0.0", policy).is_err());
    assert!(check("example", "1.0.1", policy).is_err());
    assert!(check("example", "1.0.0", Subject::DataPack).is_err());
}
