//! Another configuration while everything runs.

use host::plugin::manifest::Instant;
use host::plugin::{AdmissionError, Approval, Consequence, Reconfigured, TrustError, admission};
use host::subnet::plugin::Plugins;

use super::support::{GENERATOR, Node, Setup, evidence, session};
use super::trust::{edward, hotkey, key, manifest, offer, other, package, signed, trust};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

fn of<'a>(all: &'a [Reconfigured], slot: &str) -> &'a Consequence {
    &all.iter().find(|it| it.slot == slot).unwrap().consequence
}

#[tokio::test]
async fn plugins_run_with_new_settings_and_what_is_held_finishes_with_the_old() {
    let node = Node::misbehaving("ok");
    let old = node.policy();
    assert_eq!(node.reconfigure(|_| {}), []);
    let all = node.reconfigure(|setup| setup.mode = "zero".into());
    assert_eq!(all.len(), 3);
    assert_eq!(of(&all, "policy"), &Consequence::Readmitted);
    let now = node.policy();
    assert_eq!(now.id().digest, old.id().digest);
    assert_ne!(now.id().settings, old.id().settings);
    let points = async |policy: &dyn host::subnet::plugin::ScoringPolicy| {
        policy.evaluate(&evidence(1)).await.unwrap().value.scores[0].points
    };
    assert_eq!((points(&*old).await, points(&*now).await), (1, 0));
}

#[tokio::test]
async fn a_plugin_that_does_not_take_its_new_settings_goes_on_and_the_list_says_why() {
    let node = Node::misbehaving("ok");
    let before = node.policy().id().clone();
    let all = node.reconfigure(|setup| setup.mode = "settings-error".into());
    assert!(matches!(
        of(&all, "policy"),
        Consequence::Refused(AdmissionError::Settings { .. })
    ));
    assert_eq!(node.policy().id(), &before);
    let listed = node.registry.list();
    let policy = listed.iter().find(|it| it.slot == "policy").unwrap();
    let why = &policy.refused.as_ref().unwrap().reason;
    assert!(why.contains("told to find the settings wrong"), "{why}");
    // What runs is what counts: said right again, there is nothing to do.
    assert_eq!(node.reconfigure(|_| {}), []);
    assert!(node.registry.refusals().is_empty());
}

#[tokio::test]
async fn revoked_bytes_give_way_to_what_was_there_before_also_after_a_restart() {
    let node = Node::misbehaving("ok");
    let built_in = node.policy().id().clone();
    let mut digests = vec![built_in.digest];
    for note in [1, 2] {
        let swapped = node.registry.swap("policy", other(note), pin()).await;
        digests.push(swapped.unwrap().to.digest);
    }
    let revoke = |setup: &mut Setup, digest| {
        setup.trust.revoked_digests.insert(digest);
    };
    let newest = digests[2];
    let all = node.reconfigure(|setup| revoke(setup, newest));
    assert!(matches!(
        of(&all, "policy"),
        Consequence::Replaced {
            why: AdmissionError::Untrusted(TrustError::Revoked(_)),
            by: Some(by)
        } if by.digest == digests[1]
    ));
    assert_eq!(node.policy().id().digest, digests[1]);
    assert!(node.registry.refusals()[0].reason.contains("revoked"));
    // Both at once: none of them may come back.
    node.reconfigure(|setup| {
        revoke(setup, newest);
        revoke(setup, digests[1]);
    });
    assert_eq!(node.policy().id(), &built_in);
    assert!(node.registry.history()[0].by.contains("the node itself"));
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &built_in);
}

#[tokio::test]
async fn a_built_in_policy_that_is_revoked_leaves_its_place_empty() {
    let node = Node::misbehaving("ok");
    let digest = node.policy().id().digest;
    let all = node.reconfigure(|setup| {
        setup.trust.revoked_digests.insert(digest);
    });
    assert!(matches!(
        of(&all, "policy"),
        Consequence::Replaced { by: None, .. }
    ));
    assert!(node.registry.policy().is_none());
}

#[tokio::test]
async fn what_a_revoked_key_let_in_gives_way() {
    let node = Node::with(Setup {
        trust: trust(),
        ..Setup::default()
    });
    let built_in = node.policy().id().clone();
    let bytes = other(1);
    let both = signed(manifest(&bytes, 1), &[&hotkey(1), &edward()]);
    offer(&node, package(bytes, &both)).await.unwrap();
    let all = node.reconfigure(|setup| setup.trust.revoked_keys = vec![key(&edward())]);
    assert!(matches!(
        of(&all, "policy"),
        Consequence::Replaced {
            why: AdmissionError::Untrusted(TrustError::TooFew { have: 1, .. }),
            ..
        }
    ));
    assert_eq!(node.policy().id(), &built_in);
}

#[tokio::test]
async fn a_revoked_pack_is_taken_from_its_reader() {
    let bound = [("mode".to_owned(), "modes".to_owned())];
    let node = Node::with(Setup {
        unset: vec![host::subnet::plugin::World::ScoringPolicy],
        data: [("misbehave".to_owned(), bound.into())].into(),
        ..Setup::default()
    });
    let pack = b"price = 2\n".to_vec();
    let digest = admission::digest(&pack);
    node.registry.swap("modes", pack, pin()).await.unwrap();
    let all = node.reconfigure(|setup| {
        setup.trust.revoked_digests.insert(digest);
    });
    assert!(matches!(
        of(&all, "modes"),
        Consequence::Replaced { by: None, .. }
    ));
    assert_eq!(of(&all, "policy"), &Consequence::Readmitted);
    assert!(node.registry.packs().is_empty());
    let inspected = node.registry.inspect("misbehave").unwrap();
    assert!(inspected.settings.is_empty());
}

#[tokio::test]
async fn an_approval_that_expired_does_not_start_again() {
    let node = Node::with(Setup {
        trust: trust(),
        ..Setup::default()
    });
    let built_in = node.policy().id().clone();
    let bytes = other(1);
    let sign = |expires| {
        let mut manifest = manifest(&bytes, 1);
        manifest.expires = expires;
        signed(manifest, &[&hotkey(1), &edward()])
    };
    offer(&node, package(bytes.clone(), &sign(None)))
        .await
        .unwrap();
    assert_ne!(node.policy().id(), &built_in);
    // As if the day had come.
    let digest = admission::digest(&bytes).to_string().replace("sha256:", "");
    let kept = node
        .folder
        .path()
        .join(format!("state/plugins/{digest}.manifest"));
    std::fs::write(kept, sign(Some(Instant(1_000_000_000))).to_bytes()).unwrap();
    let node = node.restart("ok");
    assert_eq!(node.policy().id(), &built_in);
    assert!(node.registry.refusals()[0].reason.contains("expired"));
}

#[tokio::test]
async fn a_generator_that_a_miner_crashes_again_and_again_stays() {
    let node = Node::misbehaving("trap-answer");
    let mut bytes = GENERATOR.to_vec();
    bytes.extend([0, 3, 1, b'n', 1]);
    let swapped = node
        .registry
        .swap("misbehave-generator", bytes, pin())
        .await;
    let active = swapped.unwrap().to;
    let task = match node.registry.generators()[0].advance(&session(), &[]).await {
        Ok(called) => called.value,
        Err(error) => panic!("{error}"),
    };
    let host::subnet::challenge::Step::Ask(task) = task else {
        panic!("a verdict without a task");
    };
    let hostile = host::subnet::challenge::Exchange {
        task,
        answer: host::subnet::challenge::Answer::Payload(b"boom".to_vec()),
        elapsed_us: 1,
    };
    for _ in 0..7 {
        let generator = node.registry.generators().remove(0);
        assert_eq!(generator.id(), &active);
        let session = session();
        let advanced = generator.advance(&session, std::slice::from_ref(&hostile));
        assert!(advanced.await.is_err());
    }
}

#[tokio::test]
async fn a_generator_that_fails_whatever_miners_say_gives_way() {
    let node = Node::misbehaving("error");
    let built_in = node.registry.generators()[0].id().clone();
    let mut bytes = GENERATOR.to_vec();
    bytes.extend([0, 3, 1, b'n', 1]);
    let swapped = node
        .registry
        .swap("misbehave-generator", bytes, pin())
        .await;
    let active = swapped.unwrap().to;
    for _ in 0..3 {
        let generator = node.registry.generators().remove(0);
        assert_eq!(generator.id(), &active);
        assert!(generator.advance(&session(), &[]).await.is_err());
    }
    assert_eq!(node.registry.generators()[0].id(), &built_in);
}

#[tokio::test]
async fn what_had_to_go_does_not_come_back_by_failing_again() {
    let node = Node::misbehaving("error");
    let built_in = node.policy().id().clone();
    let mut versions = Vec::new();
    for note in [1, 2] {
        let swapped = node.registry.swap("policy", other(note), pin()).await;
        versions.push(swapped.unwrap().to);
    }
    for version in [&versions[1], &versions[0], &built_in] {
        for _ in 0..3 {
            assert_eq!(node.policy().id(), version);
            assert!(node.policy().evaluate(&evidence(1)).await.is_err());
        }
    }
    assert_eq!(node.policy().id(), &built_in);
}
