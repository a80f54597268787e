//! What is signed comes in as the operator's policy says, and stays known.

use host::plugin::manifest::{Instant, Manifest, Signed, Want, embed};
use host::plugin::package::PackageSource as _;
use host::plugin::{AdmissionError, Approval, FileSource, Package, Source, TrustError};
use host::subnet::key::{AccountId, Scheme, Signature, Signer};
use host::subnet::plugin::World;
use host::subnet::trust::{Key, Rule, Subject, Trust};

use super::support::{Node, POLICY, Setup, evidence};

pub(super) struct Hotkey(schnorrkel::Keypair);

impl Signer for Hotkey {
    fn account(&self) -> AccountId {
        AccountId(self.0.public.to_bytes())
    }
    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

pub(super) struct Ed25519(ed25519_dalek::SigningKey);

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

pub(super) fn hotkey(seed: u8) -> Hotkey {
    let mini = schnorrkel::MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
    Hotkey(mini.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519))
}

pub(super) fn edward() -> Ed25519 {
    Ed25519([2; 32].into())
}

pub(super) fn key(signer: &dyn Signer) -> Key {
    Key {
        scheme: signer.scheme(),
        account: signer.account(),
    }
}

/// Two of an sr25519 key, an ed25519 key and another sr25519 key.
pub(super) fn trust() -> Trust {
    let rule = Rule {
        keys: vec![key(&hotkey(1)), key(&edward()), key(&hotkey(3))],
        threshold: 2,
        ..Rule::default()
    };
    Trust {
        netuid: Some(27),
        by_name: [("misbehave".to_owned(), rule)].into(),
        ..Trust::default()
    }
}

fn node() -> Node {
    Node::with(Setup {
        trust: trust(),
        ..Setup::default()
    })
}

/// The same component under another digest.
pub(super) fn other(note: u8) -> Vec<u8> {
    let mut bytes = POLICY.to_vec();
    bytes.extend([0, 3, 1, b'n', note]);
    bytes
}

pub(super) fn manifest(bytes: &[u8], sequence: u64) -> Manifest {
    Manifest {
        name: "misbehave".into(),
        version: "0.1.0".into(),
        subject: Subject::Plugin(World::ScoringPolicy),
        digest: host::plugin::admission::digest(bytes),
        netuid: Some(27),
        sequence,
        expires: None,
        wants: vec![],
        settings: vec![],
        notes: vec!["A fixture.".into()],
    }
}

pub(super) fn signed(manifest: Manifest, signers: &[&dyn Signer]) -> Signed {
    let mut signed = manifest.unsigned().unwrap();
    for signer in signers {
        signed.sign(*signer);
    }
    signed
}

pub(super) fn package(bytes: Vec<u8>, signed: &Signed) -> Package {
    Package::open("fixture".into(), bytes, Some(&signed.to_bytes())).unwrap()
}

pub(super) async fn offer(node: &Node, package: Package) -> Result<(), AdmissionError> {
    let offered = node.registry.offer("policy", package, Approval::Recorded);
    offered.await.map(|_| ())
}

fn untrusted(refused: Result<(), AdmissionError>) -> TrustError {
    match refused {
        Err(AdmissionError::Untrusted(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_of_two_signatures_is_refused_and_both_are_accepted_also_after_a_restart() {
    let node = node();
    let built_in = node.policy().id().clone();
    let bytes = other(1);
    let half = signed(manifest(&bytes, 1), &[&hotkey(1)]);
    let refused = untrusted(offer(&node, package(bytes.clone(), &half)).await);
    assert!(matches!(
        refused,
        TrustError::TooFew {
            have: 1,
            need: 2,
            ..
        }
    ));
    assert_eq!(node.policy().id(), &built_in);

    let both = signed(manifest(&bytes, 1), &[&hotkey(1), &edward()]);
    offer(&node, package(bytes.clone(), &both)).await.unwrap();
    let active = node.policy().id().clone();
    assert_ne!(active, built_in);
    assert!(node.policy().evaluate(&evidence(1)).await.is_ok());

    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &active);
    let listed = node.registry.list();
    let policy = listed.iter().find(|l| l.slot == "policy").unwrap();
    assert!(
        matches!(&policy.source, Source::Signed { by, sequence: 1 } if by.len() == 2),
        "{:?}",
        policy.source
    );
}

#[tokio::test]
async fn a_replayed_older_version_is_refused_unless_it_is_asked_for() {
    let node = node();
    let sign = |note, sequence| {
        let bytes = other(note);
        let signed = signed(manifest(&bytes, sequence), &[&hotkey(1), &hotkey(3)]);
        package(bytes, &signed)
    };
    offer(&node, sign(5, 5)).await.unwrap();
    let node = node.restart("ok");
    let older = untrusted(offer(&node, sign(4, 4)).await);
    assert!(matches!(
        older,
        TrustError::Older {
            sequence: 4,
            seen: 5,
            ..
        }
    ));
    let two = untrusted(offer(&node, sign(6, 5)).await);
    assert!(matches!(two, TrustError::TwoUnderOneNumber { .. }));
    let asked = node
        .registry
        .offer("policy", sign(4, 4), Approval::Downgrade);
    asked.await.unwrap();
    // Once more it must be asked for: the highest number is not forgotten.
    untrusted(offer(&node, sign(3, 3)).await);
    offer(&node, sign(7, 7)).await.unwrap();
}

#[tokio::test]
async fn hostile_manifests_are_refused_each_for_its_reason() {
    let node = node();
    let before = node.policy().id().clone();
    let bytes = other(1);
    let good = || manifest(&bytes, 1);
    let refuse = async |manifest: Manifest| {
        let signed = signed(manifest, &[&hotkey(1), &edward()]);
        untrusted(offer(&node, package(bytes.clone(), &signed)).await)
    };
    let mismatch = |refused, field| {
        assert!(
            matches!(refused, TrustError::Mismatch { what, .. } if what == field),
            "{field}"
        );
    };
    mismatch(refuse(manifest(POLICY, 1)).await, "digest");
    mismatch(
        refuse(Manifest {
            version: "0.2.0".into(),
            ..good()
        })
        .await,
        "version",
    );
    let solver = Subject::Plugin(World::ChallengeSolver);
    mismatch(
        refuse(Manifest {
            subject: solver,
            ..good()
        })
        .await,
        "world",
    );
    assert_eq!(
        refuse(Manifest {
            netuid: Some(28),
            ..good()
        })
        .await,
        TrustError::OtherSubnet(28)
    );
    let past = Instant(1_000_000_000);
    assert_eq!(
        refuse(Manifest {
            expires: Some(past),
            ..good()
        })
        .await,
        TrustError::Expired(past)
    );
    let network = Want {
        kind: "http".into(),
        what: "https://example.com".into(),
    };
    let wanted = refuse(Manifest {
        wants: vec![network],
        ..good()
    })
    .await;
    assert_eq!(wanted, TrustError::Want("http https://example.com".into()));
    assert!(matches!(
        refuse(Manifest {
            name: "unheard-of".into(),
            ..good()
        })
        .await,
        TrustError::NobodysKey { .. }
    ));
    assert_eq!(node.policy().id(), &before);
}

#[tokio::test]
async fn a_plugin_may_ask_for_more_up_to_the_ceiling_and_is_shown_with_it() {
    let node = node();
    let bytes = other(1);
    let ask = |fuel: &str| {
        let mut manifest = manifest(&bytes, 1);
        manifest.wants = vec![Want {
            kind: "limit".into(),
            what: format!("fuel {fuel}"),
        }];
        package(bytes.clone(), &signed(manifest, &[&hotkey(1), &edward()]))
    };
    let refused = offer(&node, ask("9000000000000000")).await.unwrap_err();
    assert!(matches!(
        refused,
        AdmissionError::AboveCeiling {
            limit: "fuel-max",
            ..
        }
    ));
    assert!(refused.remedy().contains("engine.ceiling.fuel-max"));
    offer(&node, ask("300000000")).await.unwrap();
    node.policy().evaluate(&evidence(1)).await.unwrap();
    let inspected = node.registry.inspect("misbehave").unwrap();
    assert_eq!(inspected.limits.fuel_max, 300_000_000);
    assert_eq!(inspected.settings["mode"], "ok");
    assert!(inspected.used.fuel.last > 0);
    assert!(inspected.used.handed_over_bytes.last > 0);
    assert!(inspected.used.taken_bytes.max > 0);
    assert_eq!(inspected.used.log_bytes.max, 0);
    assert_eq!(inspected.used.fuel.p99, inspected.used.fuel.max);
    assert!(
        inspected
            .manifest
            .unwrap()
            .contains(&"note: A fixture.".to_owned())
    );
}

#[tokio::test]
async fn revoked_bytes_never_run_whoever_approves_them() {
    let bytes = other(1);
    let mut trust = trust();
    trust.revoked_digests = [host::plugin::admission::digest(&bytes)].into();
    let node = Node::with(Setup {
        trust,
        ..Setup::default()
    });
    let pin = Approval::Pin { by: "root".into() };
    for approval in [pin, Approval::DevelopmentChain, Approval::Downgrade] {
        let refused = node.registry.swap("policy", bytes.clone(), approval).await;
        assert!(matches!(
            refused,
            Err(AdmissionError::Untrusted(TrustError::Revoked(_)))
        ));
    }
}

#[tokio::test]
async fn the_word_of_a_revoked_key_counts_for_nothing() {
    let mut trust = trust();
    trust.revoked_keys = vec![key(&edward())];
    let node = Node::with(Setup {
        trust,
        ..Setup::default()
    });
    let bytes = other(1);
    let offered = async |signers: &[&dyn Signer]| {
        let signed = signed(manifest(&bytes, 1), signers);
        offer(&node, package(bytes.clone(), &signed)).await
    };
    let refused = untrusted(offered(&[&hotkey(1), &edward()]).await);
    assert!(
        matches!(&refused, TrustError::TooFew { have: 1, revoked, .. } if *revoked == [key(&edward())]),
        "{refused:?}"
    );
    offered(&[&hotkey(1), &hotkey(3)]).await.unwrap();
}

#[tokio::test]
async fn a_pin_of_the_configuration_is_for_its_name_alone() {
    let bytes = other(1);
    let pinned = |name: &str| Trust {
        by_name: [(
            name.to_owned(),
            Rule {
                pins: [host::plugin::admission::digest(&bytes)].into(),
                threshold: 1,
                ..Rule::default()
            },
        )]
        .into(),
        ..Trust::default()
    };
    let open = |name| {
        Node::with(Setup {
            trust: pinned(name),
            ..Setup::default()
        })
    };
    let swap = async |node: &Node| {
        let swapped = node
            .registry
            .swap("policy", bytes.clone(), Approval::Recorded);
        swapped.await.map(|_| ())
    };
    swap(&open("misbehave")).await.unwrap();
    let refused = untrusted(swap(&open("another")).await);
    assert!(matches!(refused, TrustError::Unsigned { .. }));
    assert!(refused.remedy().contains("trust.plugins.misbehave.pins"));
}

#[tokio::test]
async fn a_manifest_inside_the_component_counts_as_one_beside_it() {
    let node = node();
    let bytes = other(1);
    let first = signed(manifest(&bytes, 1), &[&hotkey(1)]);
    let second = signed(manifest(&bytes, 1), &[&edward()]);
    let whole = embed::join(&bytes, &first.to_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.wasm");
    std::fs::write(&path, whole).unwrap();
    std::fs::write(folder.path().join("policy.manifest"), second.to_bytes()).unwrap();
    let source = FileSource {
        path,
        bytes_max: 1 << 20,
    };
    let package = source.fetch().unwrap();
    assert_eq!(package.bytes, bytes);
    offer(&node, package).await.unwrap();
    assert_eq!(
        node.policy().id().digest,
        host::plugin::admission::digest(&bytes)
    );
}

#[tokio::test]
async fn what_is_offered_for_a_place_that_is_not_there_is_shown_too() {
    let node = node();
    let refused = node
        .registry
        .swap(
            "no-such-plugin",
            b"junk".to_vec(),
            Approval::Pin { by: "root".into() },
        )
        .await;
    assert_eq!(refused.unwrap_err(), AdmissionError::NotWasm);
    let refusals = node.registry.refusals();
    assert_eq!(refusals[0].slot, "no-such-plugin");
    assert_eq!(refusals[0].origin, "bytes");
}

#[tokio::test]
async fn a_plugin_that_fails_again_and_again_gives_way_to_the_one_before_it() {
    // Both of them fail at each call; the binary's own has nothing before it.
    let node = Node::with(Setup {
        mode: "error".into(),
        ..Setup::default()
    });
    let built_in = node.policy().id().clone();
    let pin = Approval::Pin { by: "root".into() };
    let swapped = node.registry.swap("policy", other(1), pin).await.unwrap();
    for _ in 0..3 {
        assert_eq!(node.policy().id(), &swapped.to);
        assert!(node.policy().evaluate(&evidence(1)).await.is_err());
    }
    for _ in 0..4 {
        assert_eq!(node.policy().id(), &built_in);
        assert!(node.policy().evaluate(&evidence(1)).await.is_err());
    }
    let refusals = node.registry.refusals();
    assert!(
        refusals[0].reason.contains("3 times in a row"),
        "{refusals:?}"
    );
    let history = node.registry.history();
    assert_eq!(
        (history[0].from, history[0].to),
        (Some(swapped.to.digest), built_in.digest)
    );
    let node = node.restart("error");
    assert_eq!(node.policy().id(), &built_in);
}

#[tokio::test]
async fn after_a_restart_a_failing_plugin_still_finds_the_one_before_it() {
    let node = Node::with(Setup {
        mode: "error".into(),
        ..Setup::default()
    });
    let mut versions = vec![node.policy().id().clone()];
    for note in 1..=2 {
        let pin = Approval::Pin { by: "root".into() };
        let swapped = node.registry.swap("policy", other(note), pin).await;
        versions.push(swapped.unwrap().to);
    }
    let node = node.restart("error");
    for version in [&versions[2], &versions[1]] {
        for _ in 0..3 {
            assert_eq!(node.policy().id(), version);
            assert!(node.policy().evaluate(&evidence(1)).await.is_err());
        }
    }
}
