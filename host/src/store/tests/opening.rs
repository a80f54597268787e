//! Who may open a store.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

fn reopen(folder: &TempDir, owner: &StoreOwner) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&folder.path().join("state"), owner, Retention::default())
}

#[test]
fn nobody_else_can_look_into_the_folder_or_its_files() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    let state = folder.path().join("state");
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    let files: Vec<_> = fs::read_dir(&state).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "the database, its journal and the lock");
    for file in files {
        let mode = file.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[test]
fn a_folder_open_to_others_is_refused_with_the_line_that_closes_it() {
    let folder = folder();
    drop(open(&folder));
    let state = folder.path().join("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = reopen(&folder, &owner()).err().unwrap();
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
}

#[test]
fn a_file_open_to_others_is_closed() {
    let folder = folder();
    drop(open(&folder));
    let file = folder.path().join("state").join(FILE_NAME);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&folder));
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_second_node_is_told_which_process_has_the_folder() {
    let folder = folder();
    let first = open(&folder);
    let refused = reopen(&folder, &owner()).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }));
    let id = std::process::id().to_string();
    assert!(refused.to_string().contains(&id), "{refused}");
    drop(first);
    open(&folder);
}

#[test]
fn another_hotkey_netuid_or_chain_is_refused() {
    let folder = folder();
    drop(open(&folder));
    let others = [
        StoreOwner {
            genesis: [9; 32],
            ..owner()
        },
        StoreOwner {
            netuid: 8,
            ..owner()
        },
        StoreOwner {
            hotkey: AccountId([9; 32]),
            ..owner()
        },
    ];
    for other in others {
        let refused = reopen(&folder, &other).err().unwrap();
        assert!(matches!(refused, OpenError::OtherOwner { .. }), "{refused}");
        assert!(refused.to_string().contains("state folder of its own"));
    }
    open(&folder);
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let folder = folder();
    drop(open(&folder));
    let file = folder.path().join("state").join(FILE_NAME);
    let other = Connection::open(&file).unwrap();
    other.pragma_update(None, "user_version", 1000).unwrap();
    drop(other);
    let refused = reopen(&folder, &owner()).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 1000, .. }));
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = folder();
    drop(open(&folder));
    let file = folder.path().join("state").join(FILE_NAME);
    fs::remove_file(&file).unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    assert!(matches!(
        reopen(&folder, &owner()).err(),
        Some(OpenError::Foreign { .. })
    ));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = SqliteStore::open(&file.join("state"), &owner(), Retention::default())
        .err()
        .unwrap();
    assert!(refused.to_string().contains("file/state"), "{refused}");
}
