//! A look from outside.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn reader(folder: &TempDir) -> StoreReader {
    StoreReader::open(&folder.path().join("state")).unwrap()
}

fn fill(store: &SqliteStore) {
    whole_session(store, "good", 100, 10);
    store.begin_session(&session("void")).unwrap();
    let void = Ending::Void("busy".to_owned());
    store.end_session("void", &void).unwrap();
    store.begin_session(&session("open")).unwrap();
    for number in 1..5 {
        store.record_epoch(&epoch(number, scored())).unwrap();
    }
}

#[test]
fn a_reader_sees_a_running_nodes_sessions_and_epochs() {
    let folder = folder();
    let store = open(&folder);
    fill(&store);
    let reader = reader(&folder);
    assert_eq!(reader.owner().unwrap(), Some(owner()));
    let sessions = reader.recent_sessions(2).unwrap();
    let ids: Vec<&str> = sessions.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["open", "void"]);
    assert_eq!(sessions[0].state, SessionState::Open);
    let counts = VerdictCounts {
        passed: 1,
        failed: 0,
        void: 1,
        open: 1,
    };
    assert_eq!(reader.verdict_counts().unwrap(), counts);
    let epochs = reader.epochs(2..=u64::MAX, 2).unwrap();
    let numbers: Vec<u64> = epochs.iter().map(|e| e.number).collect();
    assert_eq!(numbers, [2, 3]);
    // And what comes after it was opened.
    store.end_session("open", &passed(1)).unwrap();
    assert_eq!(reader.verdict_counts().unwrap().passed, 2);
}

#[test]
fn a_reader_looks_at_a_store_without_a_node() {
    let folder = folder();
    let store = open(&folder);
    fill(&store);
    drop(store);
    assert_eq!(reader(&folder).recent_sessions(99).unwrap().len(), 3);
}

#[test]
fn a_folder_without_a_store_is_an_error_for_a_reader_and_stays_empty() {
    let folder = folder();
    assert!(StoreReader::open(folder.path()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
