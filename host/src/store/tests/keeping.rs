//! What is kept, and for how long.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::subnet::commit::{Commit, Hiding};
use crate::subnet::evidence::WeightsState;
use crate::subnet::weights::Weights;

fn count(store: &SqliteStore, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    let connection = store.connection.lock().unwrap();
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_newest_sessions_and_findings_are_kept() {
    let folder = folder();
    let retention = Retention {
        sessions_max: 5,
        findings_per_hotkey_max: 3,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    for number in 0..20 {
        whole_session(&store, &number.to_string(), 100 + number, 1);
    }
    assert_eq!(count(&store, "sessions"), 5);
    assert_eq!(count(&store, "exchanges"), 5);
    let blocks: Vec<u64> = store
        .findings(&MINER, 99)
        .unwrap()
        .iter()
        .map(|f| f.block)
        .collect();
    assert_eq!(blocks, [119, 118, 117]);
}

#[test]
fn what_is_too_old_goes_and_an_open_session_stays() {
    let folder = folder();
    let retention = Retention {
        age_blocks_max: 50,
        sessions_max: 1,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    store.begin_session(&session_at("open", 1)).unwrap();
    whole_session(&store, "old", 100, 1);
    whole_session(&store, "new", 200, 1);
    assert_eq!(count(&store, "sessions"), 2);
    assert_eq!(store.unfinished().unwrap()[0].record.session.id, "open");
    assert_eq!(store.findings(&MINER, 9).unwrap().len(), 1);
}

#[test]
fn one_absurd_block_number_does_not_empty_the_store() {
    let folder = folder();
    let store = open(&folder);
    for number in 0..40 {
        whole_session(&store, &number.to_string(), 100, 1);
    }
    whole_session(&store, "absurd", 1 << 62, 1);
    assert!(count(&store, "sessions") >= 20);
    assert!(store.findings(&MINER, 99).unwrap().len() >= 20);
    store
        .begin_session(&session_at("beyond", u64::MAX))
        .unwrap_err();
}

#[test]
fn old_transcripts_make_room_for_new_ones_and_their_sessions_stay() {
    let folder = folder();
    let retention = Retention {
        transcript_bytes_max: 5000,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    for number in 0..6 {
        whole_session(&store, &number.to_string(), 100, 1000);
    }
    store.begin_session(&session("last")).unwrap();
    assert_eq!(count(&store, "sessions"), 7);
    assert_eq!(count(&store, "exchanges"), 2);
}

#[test]
fn contacts_and_descriptions_are_bounded() {
    let folder = folder();
    let retention = Retention {
        contact_age_blocks_max: 10,
        descriptions_max: 3,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    for number in 0..30_u8 {
        let hotkey = AccountId([number; 32]);
        store
            .record_contact(&MINER, u64::from(number), true)
            .unwrap();
        store.record_description(&hotkey, "{}").unwrap();
    }
    assert_eq!(count(&store, "contacts"), 11);
    assert_eq!(count(&store, "descriptions"), 3);
    assert!(store.description(&AccountId([29; 32])).unwrap().is_some());
}

#[test]
fn an_epoch_comes_back_bit_for_bit_and_the_last_scored_one_counts() {
    let folder = folder();
    let store = open(&folder);
    store.record_epoch(&epoch(1, scored())).unwrap();
    let failed = epoch(2, Err("trapped".to_owned()));
    store.record_epoch(&failed).unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.last_epoch().unwrap(), Some(epoch(1, scored())));
    assert_eq!(store.epoch(2).unwrap(), Some(failed));
    assert_eq!(store.epoch(3).unwrap(), None);
    store.record_epoch(&epoch(2, scored())).unwrap();
    assert_eq!(store.last_epoch().unwrap(), Some(epoch(2, scored())));
}

#[test]
fn epochs_older_than_is_said_go_and_what_is_kept_is_shared_in_halves() {
    let retention = Retention::within(3, 64);
    assert_eq!(retention.transcript_bytes_max, 32 << 20);
    assert_eq!(retention.epoch_bytes_max, 32 << 20);
    assert_eq!(retention.contact_age_blocks_max, 3 * 7_200);
    let folder = folder();
    let store = open_with(&folder, retention);
    // An epoch is 360 blocks: three days are sixty.
    for number in 1..=100 {
        store.record_epoch(&epoch(number, scored())).unwrap();
    }
    assert_eq!(store.epoch(39).unwrap(), None);
    assert!(store.epoch(40).unwrap().is_some());
}

#[test]
fn what_the_guard_holds_comes_back_and_there_is_one_of_it() {
    let folder = folder();
    let store = open(&folder);
    assert_eq!(store.guard().unwrap(), None);
    for json in ["{\"held\":1}", "{}"] {
        store.record_guard(json).unwrap();
    }
    drop(store);
    assert_eq!(open(&folder).guard().unwrap().as_deref(), Some("{}"));
}

#[test]
fn old_epochs_go_by_number_and_by_bytes_but_never_the_last_scored_one() {
    let folder = folder();
    let retention = Retention {
        epochs_max: 5,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    store.record_epoch(&epoch(1, scored())).unwrap();
    for number in 2..20 {
        store
            .record_epoch(&epoch(number, Err("trapped".to_owned())))
            .unwrap();
    }
    assert_eq!(
        store.last_epoch().unwrap().unwrap().evidence.epoch.number,
        1
    );
    assert_eq!(count(&store, "epochs"), 6);
    drop(store);

    let retention = Retention {
        epoch_bytes_max: 1,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    store.record_epoch(&epoch(20, scored())).unwrap();
    assert_eq!(count(&store, "epochs"), 1);
    assert_eq!(store.epoch(20).unwrap(), Some(epoch(20, scored())));
}

#[test]
fn weights_keep_one_record_for_each_epoch_and_its_state_moves() {
    let folder = folder();
    let retention = Retention {
        epochs_max: 3,
        ..Retention::default()
    };
    let store = open_with(&folder, retention);
    assert_eq!(store.last_weights().unwrap(), None);
    let record = |epoch, state| WeightsRecord {
        epoch,
        weights: Weights(vec![(0, 1), (258, 65_535)]),
        state,
        held_epochs: 2,
    };
    for number in 1..10 {
        store
            .record_weights(&record(number, WeightsState::Intended))
            .unwrap();
    }
    for state in [WeightsState::Included(55), WeightsState::Confirmed(56)] {
        store.record_weights(&record(9, state.clone())).unwrap();
        assert_eq!(store.last_weights().unwrap(), Some(record(9, state)));
    }
    assert_eq!(count(&store, "weights"), 3);
    let unsettled = [7, 8].map(|epoch| record(epoch, WeightsState::Intended));
    assert_eq!(store.unsettled_weights().unwrap(), unsettled);
}

#[test]
fn a_commit_and_its_salt_are_kept() {
    let folder = folder();
    let commit = Commit {
        hiding: Hiding::Salted {
            salt: vec![0, 65_535],
        },
        hash: [7; 32],
        version_key: u64::MAX,
        planned_at: 100,
        epoch: 5,
        reveal_epoch: 6,
        reveal_block: 111,
    };
    let record = WeightsRecord {
        epoch: 5,
        weights: Weights(vec![(0, 65_535)]),
        state: WeightsState::Committing(commit),
        held_epochs: 0,
    };
    let store = open(&folder);
    store.record_weights(&record).unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.unsettled_weights().unwrap(), [record]);
}
