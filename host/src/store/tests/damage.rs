//! Files and disks that fail: a clear error, never a panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use super::*;

#[test]
fn a_file_that_is_no_database_says_what_to_do() {
    let folder = folder();
    drop(open(&folder));
    let state = folder.path().join("state");
    fs::write(state.join(FILE_NAME), vec![0x5a; 8192]).unwrap();
    let refused = SqliteStore::open(&state, &owner(), Retention::default())
        .err()
        .unwrap();
    assert!(refused.to_string().contains("damaged"), "{refused}");
}

#[test]
fn a_file_with_broken_pages_says_what_to_do_and_never_panics() {
    let folder = folder();
    let store = open(&folder);
    for number in 0..50 {
        whole_session(&store, &number.to_string(), 100, 4000);
    }
    drop(store);
    let state = folder.path().join("state");
    let file = state.join(FILE_NAME);
    let whole = fs::read(&file).unwrap();
    let pages = whole.len() / 4096;
    let mut told = 0;
    for page in 0..pages {
        let mut broken = whole.clone();
        broken[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&file, &broken).unwrap();
        let opened = SqliteStore::open(&state, &owner(), Retention::default());
        let failed = match opened {
            Err(error) => Some(error.to_string()),
            Ok(store) => use_all(&store).err().map(|error| error.to_string()),
        };
        told += usize::from(failed.is_some_and(|text| text.contains("damaged")));
        let _ = fs::remove_file(state.join(format!("{FILE_NAME}-wal")));
        let _ = fs::remove_file(state.join(format!("{FILE_NAME}-shm")));
    }
    assert!(told >= 10, "{told} of {pages} broken pages were noticed");
}

fn use_all(store: &SqliteStore) -> Result<(), StoreError> {
    store.unfinished()?;
    store.findings(&MINER, 99)?;
    store.generator_memory("matmul", &MINER)?;
    store.begin_session(&session("next"))?;
    store.intend_task("next", 0)?;
    store.record_exchange("next", 0, &exchange(10))?;
    store.end_session("next", &passed(1))?;
    store.record_contact(&MINER, 1, true)?;
    store.record_description(&MINER, "{}")?;
    store.record_epoch(&epoch(1, scored()))?;
    store.last_epoch().map(drop)
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_the_store_goes_on_after_it() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store.intend_task("a", 0).unwrap();
    pragma(&store, "max_page_count", 1);
    let refused = store.record_exchange("a", 0, &exchange(1 << 20));
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("make room"), "{text}");
    pragma(&store, "max_page_count", 1_000_000);
    store.record_exchange("a", 0, &exchange(1 << 20)).unwrap();
}

#[test]
fn a_read_only_file_is_an_error_that_says_so() {
    let folder = folder();
    let store = open(&folder);
    pragma(&store, "query_only", 1);
    let refused = store.begin_session(&session("a")).unwrap_err();
    assert!(
        refused.to_string().contains("cannot be written"),
        "{refused}"
    );
    pragma(&store, "query_only", 0);
    store.begin_session(&session("a")).unwrap();
}

fn pragma(store: &SqliteStore, name: &str, value: i64) {
    let connection = store.connection.lock().unwrap();
    connection
        .pragma_update_and_check(None, name, value, |_| Ok(()))
        .or_else(|_| connection.pragma_update(None, name, value))
        .unwrap();
}

#[test]
fn a_record_another_version_wrote_is_an_error_and_not_a_panic() {
    let folder = folder();
    let store = open(&folder);
    whole_session(&store, "a", 100, 1);
    store.begin_session(&session("b")).unwrap();
    {
        let connection = store.connection.lock().unwrap();
        connection
            .execute_batch("UPDATE findings SET finding = '{}'; UPDATE sessions SET record = '['")
            .unwrap();
    }
    assert!(store.findings(&MINER, 1).is_err());
    assert!(store.unfinished().is_err());
    assert!(store.end_session("b", &passed(1)).is_err());
}
