//! One spelling, and whose signatures count.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::subnet::key::{AccountId, Scheme};
use crate::subnet::plugin::World;

use super::*;

struct Sr25519(schnorrkel::Keypair);
struct Ed25519(ed25519_dalek::SigningKey);

fn sr25519(seed: u8) -> Sr25519 {
    let mini = schnorrkel::MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
    Sr25519(mini.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519))
}

impl Signer for Sr25519 {
    fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }
    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

impl Signer for Ed25519 {
    fn account(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }
    fn scheme(&self) -> Scheme {
        Scheme::Ed25519
    }
    fn sign(&self, message: &[u8]) -> Signature {
        use ed25519_dalek::Signer as _;
        Signature(self.0.sign(message).to_bytes())
    }
}

fn manifest() -> Manifest {
    Manifest {
        name: "gpu-tflops".into(),
        version: "1.2.0".into(),
        subject: Subject::Plugin(World::ScoringPolicy),
        digest: Digest([7; 32]),
        netuid: Some(27),
        sequence: 3,
        expires: Some(Instant(1_800_000_000)),
        wants: vec![Want {
            kind: "limit".into(),
            what: "fuel 5000000".into(),
        }],
        settings: vec![Declared {
            name: "floor-mops".into(),
            kind: SettingKind::Integer,
            description: "What a miner must prove.".into(),
        }],
        notes: vec!["Größer, schneller: 速い.".into()],
    }
}

const TEXT: &str = "\
compute-subnet/manifest/1
name: gpu-tflops
version: 1.2.0
world: scoring-policy
digest: sha256:0707070707070707070707070707070707070707070707070707070707070707
netuid: 27
sequence: 3
expires: 2027-01-15T08:00:00Z
want: limit fuel 5000000
setting: floor-mops integer What a miner must prove.
note: Größer, schneller: 速い.
";

#[test]
fn a_manifest_is_the_text_that_the_module_promises_and_reads_back() {
    assert_eq!(manifest().text(), TEXT);
    assert_eq!(read(TEXT.as_bytes()).unwrap().manifest, manifest());
}

/// `TEXT` with one piece replaced.
fn changed(from: &str, to: &str) -> Result<Signed, ManifestError> {
    assert!(TEXT.contains(from), "{from}");
    read(TEXT.replacen(from, to, 1).as_bytes())
}

#[test]
fn nothing_can_be_said_in_two_ways() {
    for (from, to) in [
        ("compute-subnet/manifest/1", "compute-subnet/manifest/2"),
        (
            "compute-subnet/manifest/1\n",
            "compute-subnet/manifest/1\r\n",
        ),
        ("compute-subnet", " compute-subnet"),
        ("name: gpu-tflops\n", ""),
        ("name: gpu-tflops", "name:  gpu-tflops"),
        ("name: gpu-tflops", "name: gpu-tflops "),
        ("name: gpu-tflops", "Name: gpu-tflops"),
        ("name: gpu-tflops", "name:\tgpu-tflops"),
        ("name: gpu-tflops", "name: GPU-tflops"),
        ("name: gpu-tflops", "name: gpu-tflops\nname: gpu-tflops"),
        ("version: 1.2.0", "version: 1.2"),
        ("world: scoring-policy", "world: scoring_policy"),
        ("sha256:07", "sha256:0"),
        ("sha256:07", "07"),
        ("sha256:070707", "sha256:0707AB"),
        ("netuid: 27", "netuid: 027"),
        ("netuid: 27", "netuid: +27"),
        ("netuid: 27", "netuid: 70000"),
        ("netuid: 27", "netuid: Any"),
        ("sequence: 3", "sequence: 0"),
        ("sequence: 3", "sequence: 03"),
        ("sequence: 3", "sequence: 99999999999999999999"),
        (
            "sequence: 3\nexpires: 2027-01-15T08:00:00Z",
            "expires: 2027-01-15T08:00:00Z\nsequence: 3",
        ),
        (
            "expires: 2027-01-15T08:00:00Z",
            "expires: 2027-01-15T08:00:00+00:00",
        ),
        ("expires: 2027-01-15T08:00:00Z", "expires: Never"),
        (
            "want: limit fuel 5000000\n",
            "want: limit fuel 5000000\nwant: limit fuel 5000000\n",
        ),
        (
            "want: limit fuel 5000000\n",
            "want: limit fuel 5000000\nwant: http https://a.example\n",
        ),
        ("want: limit", "want: LIMIT"),
        ("integer", "number"),
        ("floor-mops", "floor mops"),
        ("note: ", "note:"),
        ("note: ", "\nnote: "),
        ("note: ", "nota: "),
    ] {
        assert!(changed(from, to).is_err(), "{from:?} to {to:?}");
    }
    assert!(
        read(TEXT.trim_end().as_bytes()).is_err(),
        "no last line feed"
    );
    assert!(
        read(format!("{TEXT}\n").as_bytes()).is_err(),
        "an empty line"
    );
    assert!(read(b"").is_err());
}

#[test]
fn characters_that_hide_or_reorder_others_are_refused_with_their_line() {
    for bad in [
        "\u{1b}[2J",
        "\u{202e}",
        "\u{200b}",
        "\0",
        "\u{feff}",
        "\u{2028}",
    ] {
        let refused = changed("Größer", bad).err();
        assert_eq!(refused, Some(ManifestError::Characters(11)), "{bad:?}");
    }
    let mut bytes = TEXT.as_bytes().to_vec();
    bytes[30] = 0xff;
    assert_eq!(read(&bytes).err(), Some(ManifestError::Characters(2)));
}

#[test]
fn a_refusal_names_the_line_and_what_would_be_right() {
    let refused = changed("netuid: 27", "netuid: 027").err().unwrap();
    assert_eq!(
        refused.to_string(),
        "line 6: `netuid` must be a subnet's number, or any"
    );
    let missing = changed("sequence: 3\n", "").err().unwrap();
    assert_eq!(
        missing.to_string(),
        "line 7: expected `sequence: ...`, found `expires: 2027-01-15T08:00:00Z`"
    );
}

#[test]
fn both_schemes_sign_and_a_key_counts_once() {
    let (alice, edward) = (sr25519(1), Ed25519([2; 32].into()));
    let mut signed = manifest().unsigned().unwrap();
    signed.sign(&alice);
    signed.sign(&edward);
    signed.sign(&alice);
    assert_eq!(signed.signatures.len(), 2);
    // sr25519 signs differently each time: a second one is a true one as well.
    let mut again = manifest().unsigned().unwrap();
    again.sign(&alice);
    signed.join(&again).unwrap();
    assert_eq!(signed.signatures.len(), 3);
    let read = read(&signed.to_bytes()).unwrap();
    assert_eq!(read.signers().len(), 2);
    assert!(read.signers()[0].to_string().parse::<Key>().is_ok());
}

#[test]
fn a_signature_is_of_its_scheme_and_of_its_text() {
    let edward = Ed25519([2; 32].into());
    let mut signed = manifest().unsigned().unwrap();
    signed.sign(&edward);
    let mut claimed = signed.clone();
    claimed.signatures[0].key.scheme = Scheme::Sr25519;
    assert!(claimed.signers().is_empty());
    let mut changed = signed.clone();
    changed.manifest.sequence += 1;
    assert!(changed.signers().is_empty());
    assert_eq!(signed.signers().len(), 1);
}

#[test]
fn a_signature_line_has_one_spelling_too() {
    let mut signed = manifest().unsigned().unwrap();
    signed.sign(&sr25519(1));
    let good = String::from_utf8(signed.to_bytes()).unwrap();
    let line = good.lines().last().unwrap();
    let hex = line.rsplit(' ').next().unwrap();
    for bad in [
        good.replace(hex, &hex.to_uppercase()),
        good.replace(hex, &hex[2..]),
        good.replace("sr25519 ", "SR25519 "),
        good.replace("sr25519 ", "sr25519  "),
        format!("{good}note: afterwards\n"),
        format!("{good}{}", format!("{line}\n").repeat(SIGNATURES_MAX)),
    ] {
        assert!(read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn two_manifests_that_say_different_things_are_not_joined() {
    let mut one = manifest().unsigned().unwrap();
    let mut other = manifest();
    other.sequence = 4;
    let other = other.unsigned().unwrap();
    assert_eq!(one.join(&other), Err(ManifestError::Contradiction));
}

#[test]
fn a_name_or_a_note_that_could_not_be_read_back_is_never_signed() {
    let bad = [
        Manifest {
            name: "Gpu".into(),
            ..manifest()
        },
        Manifest {
            sequence: 0,
            ..manifest()
        },
        Manifest {
            notes: vec!["two\nlines".into()],
            ..manifest()
        },
        Manifest {
            notes: vec![" padded".into()],
            ..manifest()
        },
        Manifest {
            notes: vec![String::new()],
            ..manifest()
        },
    ];
    for manifest in bad {
        assert!(manifest.clone().unsigned().is_err(), "{manifest:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at in 0..TEXT.len(), byte: u8) {
        let _ = read(&bytes);
        let mut text = TEXT.as_bytes().to_vec();
        text[at] = byte;
        if let Ok(signed) = read(&text) {
            proptest::prop_assert_eq!(signed.to_bytes(), text);
        }
    }
}
