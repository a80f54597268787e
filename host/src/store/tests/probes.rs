//! Probes on disk: what was rented is never forgotten before it is over.

use super::*;
use crate::store::probes::PROBES_HELD_MAX;
use crate::subnet::probe::{LastTry, ProbeBook as _, ProbeEnding, ProbeRecord};

fn probe(key: &str, block: u64) -> ProbeRecord {
    ProbeRecord {
        key: key.to_owned(),
        hotkey: MINER,
        machine: "pod-1".to_owned(),
        block,
        epoch: 7,
        began_at: 1_000,
        ends_at: 1_600,
        price_micro_usd_per_hour: 36,
        cost_micro_usd_max: 6,
    }
}

fn judged(block: u64) -> ProbeEnding {
    ProbeEnding::Judged {
        finding: Finding {
            challenge: "ssh-probe".to_owned(),
            machine: "pod-1".to_owned(),
            block,
            passed: true,
            grade_permille: 1_000,
            proven: None,
            metrics: Vec::new(),
        },
        reason: "logged in".to_owned(),
    }
}

#[test]
fn a_probe_is_held_until_its_rental_is_over_whatever_came_of_it() {
    let folder = folder();
    let store = open(&folder);
    store.intend_probe(&probe("a", 100)).unwrap();
    store.conclude_probe("a", &judged(100)).unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.held_probes().unwrap(), [probe("a", 100)]);
    store.release_probe("a", 2).unwrap();
    assert!(store.held_probes().unwrap().is_empty());
    let spent = store.probe_spending(7, 999).unwrap();
    assert_eq!(
        (
            spent.drawn_in_epoch,
            spent.epoch_micro_usd,
            spent.lately_micro_usd
        ),
        (1, 2, 2)
    );
    assert_eq!(store.probe_spending(8, 1_000).unwrap(), Default::default());
}

#[test]
fn a_second_ending_changes_nothing() {
    let folder = folder();
    let store = open(&folder);
    store.intend_probe(&probe("a", 100)).unwrap();
    assert!(store.intend_probe(&probe("a", 101)).is_err());
    store.conclude_probe("a", &judged(100)).unwrap();
    store.conclude_probe("a", &judged(100)).unwrap();
    store
        .conclude_probe("a", &ProbeEnding::Void("restarted".to_owned()))
        .unwrap();
    assert_eq!(store.findings(&MINER, 9).unwrap().len(), 1);
    assert!(store.conclude_probe("b", &ProbeEnding::Let).is_err());
}

#[test]
fn tries_tell_who_is_next_and_what_is_let() {
    let folder = folder();
    let store = open(&folder);
    let endings = [
        judged(100),
        ProbeEnding::Let,
        ProbeEnding::Void("away".to_owned()),
    ];
    for (block, ending) in (100..).zip(&endings) {
        let key = format!("probe-{block}");
        store.intend_probe(&probe(&key, block)).unwrap();
        store.conclude_probe(&key, ending).unwrap();
    }
    let newest = LastTry {
        hotkey: MINER,
        machine: "pod-1".to_owned(),
        block: 102,
    };
    assert_eq!(store.last_tries().unwrap(), [newest]);
    let found = |after| {
        let found = store.occupancy(&MINER, after).unwrap();
        found.first().map(|found| (found.let_out, found.tries))
    };
    assert_eq!(
        (found(99), found(100), found(101)),
        (Some((1, 2)), Some((1, 1)), None)
    );
}

#[test]
fn rentals_that_nobody_ended_are_bounded_and_absurd_names_are_refused() {
    let folder = folder();
    let store = open(&folder);
    assert!(store.intend_probe(&probe("", 1)).is_err());
    assert!(store.intend_probe(&probe(&"k".repeat(129), 1)).is_err());
    for n in 0..PROBES_HELD_MAX {
        store.intend_probe(&probe(&n.to_string(), 1)).unwrap();
    }
    assert!(store.intend_probe(&probe("one more", 1)).is_err());
    store.release_probe("0", 0).unwrap();
    store.intend_probe(&probe("one more", 1)).unwrap();
}
