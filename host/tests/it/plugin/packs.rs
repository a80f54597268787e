//! Data without code: it comes in as plugins do, and plugins read it as settings.

use host::plugin::{AdmissionError, Approval, Package, TrustError};
use host::subnet::plugin::World;
use host::subnet::trust::{Rule, Subject, Trust};

use super::support::{Node, Setup, evidence};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

/// The policy's mode is the text of the pack `modes`.
fn node() -> Node {
    let bound = [("mode".to_owned(), "modes".to_owned())];
    Node::with(Setup {
        unset: vec![World::ScoringPolicy],
        data: [("misbehave".to_owned(), bound.into())].into(),
        ..Setup::default()
    })
}

fn mode(node: &Node) -> Option<String> {
    let inspected = node.registry.inspect("misbehave").unwrap();
    inspected.settings.get("mode").cloned()
}

#[tokio::test]
async fn a_packs_text_reaches_the_plugin_and_outlives_a_restart() {
    let node = node();
    let before = node.policy().id().clone();
    assert_eq!(mode(&node), None);
    let pack = b"price = 2 # usd\n".to_vec();
    let swapped = node.registry.swap("modes", pack, pin()).await.unwrap();
    assert_eq!(swapped.subject, Subject::DataPack);
    assert_eq!(mode(&node).unwrap(), "price = 2 # usd\n");
    let after = node.policy().id().clone();
    assert_eq!(after.digest, before.digest);
    assert_ne!(after.settings, before.settings);
    assert!(node.policy().evaluate(&evidence(1)).await.is_ok());
    let packs = node.registry.packs();
    assert_eq!(packs[0].readers, ["misbehave"]);

    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &after);
    assert_eq!(node.registry.packs(), packs);
    assert_eq!(node.registry.history()[0].slot, "modes");
}

#[tokio::test]
async fn a_pack_that_its_reader_does_not_take_changes_nothing() {
    let node = node();
    let before = node.policy().id().clone();
    // As a pack it is as large as may be; with its key it is more than settings may.
    let large = format!("x = '{}'", "y".repeat((256 << 10) - 6));
    let refused = node.registry.swap("modes", large.into(), pin()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, AdmissionError::DataRefused { plugin, .. } if plugin == "misbehave"),
        "{refused}"
    );
    let wide = format!("x = \"{}\"", "y".repeat(300 << 10));
    let refused = node.registry.swap("modes", wide.into(), pin()).await;
    assert!(matches!(refused, Err(AdmissionError::TooLarge { .. })));
    assert_eq!(node.policy().id(), &before);
    assert!(node.registry.packs().is_empty());
}

#[tokio::test]
async fn what_is_no_document_and_what_nobody_vouches_for_stays_out() {
    let node = node();
    let swap = async |bytes: &[u8], approval| {
        let swapped = node.registry.swap("modes", bytes.to_vec(), approval).await;
        swapped.unwrap_err()
    };
    let refused = swap(b"#!/bin/sh\nrm -r /\n", pin()).await;
    assert!(matches!(refused, AdmissionError::NotData(_)), "{refused}");
    let refused = swap(b"\xff\xfe", pin()).await;
    assert!(matches!(refused, AdmissionError::NotData(_)), "{refused}");
    let refused = swap(b"price = 2\n", Approval::Recorded).await;
    assert!(
        matches!(
            refused,
            AdmissionError::Untrusted(TrustError::Unsigned { .. })
        ),
        "{refused}"
    );
    assert_eq!(mode(&node), None);
}

#[tokio::test]
async fn a_signed_pack_comes_in_by_the_rule_for_packs() {
    use super::trust::{hotkey, key};
    let signer = hotkey(1);
    let rule = Rule {
        keys: vec![key(&signer)],
        threshold: 1,
        ..Rule::default()
    };
    let bound = [("mode".to_owned(), "modes".to_owned())];
    let node = Node::with(Setup {
        unset: vec![World::ScoringPolicy],
        data: [("misbehave".to_owned(), bound.into())].into(),
        trust: Trust {
            by_subject: [(Subject::DataPack, rule)].into(),
            ..Trust::default()
        },
        ..Setup::default()
    });
    let bytes = b"price = 3\n".to_vec();
    let manifest = host::plugin::manifest::Manifest {
        name: "modes".into(),
        version: "1.4.0".into(),
        subject: Subject::DataPack,
        digest: host::plugin::admission::digest(&bytes),
        netuid: None,
        sequence: 12,
        expires: None,
        wants: vec![],
        settings: vec![],
        notes: vec![],
    };
    let mut signed = manifest.unsigned().unwrap();
    signed.sign(&signer);
    let package = Package::open("x".into(), bytes, Some(&signed.to_bytes())).unwrap();
    let elsewhere = node
        .registry
        .offer("other", package.clone(), Approval::Recorded);
    assert!(elsewhere.await.is_err());
    let offered = node.registry.offer("modes", package, Approval::Recorded);
    assert_eq!(offered.await.unwrap().to.version, "1.4.0");
    let node = node.restart("ok");
    assert_eq!(mode(&node).unwrap(), "price = 3\n");
    assert_eq!(node.registry.packs()[0].id.version, "1.4.0");
}
