//! The store's promises, one by one, on real files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod damage;
mod keeping;
mod kill;
mod opening;
mod probes;
mod reading;
mod sessions;

use tempfile::TempDir;

use super::*;
use crate::subnet::challenge::{Answer, Session, Task, Verdict};
use crate::subnet::evidence::StoreOwner;
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::scoring::{Epoch, Evidence, Outcome, Score};

pub(super) const MINER: AccountId = AccountId([3; 32]);

pub(super) fn owner() -> StoreOwner {
    StoreOwner {
        genesis: [1; 32],
        netuid: 7,
        hotkey: AccountId([2; 32]),
    }
}

/// A folder that SQLite gets to make itself.
pub(super) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("store").tempdir().unwrap()
}

pub(super) fn open(folder: &TempDir) -> SqliteStore {
    open_with(folder, Retention::default())
}

pub(super) fn open_with(folder: &TempDir, retention: Retention) -> SqliteStore {
    SqliteStore::open(&folder.path().join("state"), &owner(), retention).unwrap()
}

pub(super) fn plugin(name: &str) -> PluginId {
    PluginId {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        digest: Digest([4; 32]),
        settings: Digest([5; 32]),
    }
}

pub(super) fn session(id: &str) -> SessionRecord {
    session_at(id, 100)
}

pub(super) fn session_at(id: &str, block: u64) -> SessionRecord {
    SessionRecord {
        session: Session {
            id: id.to_owned(),
            netuid: 7,
            validator: owner().hotkey,
            uid: 11,
            hotkey: MINER,
            machine: String::new(),
            block,
            claimed: None,
            seed: [42; 32],
            memory: vec![0, 255, 7],
        },
        generator: plugin("matmul"),
    }
}

pub(super) fn exchange(bytes: usize) -> Exchange {
    Exchange {
        task: Task {
            solver: "matmul".to_owned(),
            payload: vec![1; bytes],
            timeout_ms: 5000,
        },
        answer: Answer::Payload(vec![0xfe; bytes]),
        elapsed_us: 1234,
    }
}

pub(super) fn passed(grade_permille: u16) -> Ending {
    Ending::Judged(Verdict {
        passed: true,
        grade_permille,
        proven: None,
        metrics: Vec::new(),
        reason: "well done".to_owned(),
        memory: vec![9; 5],
    })
}

pub(super) fn epoch(number: u64, outcome: Result<Outcome, String>) -> EpochRecord {
    EpochRecord {
        policy: plugin("score-compute"),
        evidence: Evidence {
            epoch: Epoch {
                netuid: 7,
                mechanism: 0,
                number,
                block: number * 360,
                previous_block: None,
                burn_uid: Some(0),
                metrics: Vec::new(),
            },
            miners: Vec::new(),
            memory: vec![1, 2, 3],
        },
        outcome,
        fuel: 99,
    }
}

pub(super) fn scored() -> Result<Outcome, String> {
    Ok(Outcome {
        scores: vec![Score {
            uid: 11,
            points: 5,
            reason: "fast".to_owned(),
        }],
        memory: vec![200, 0, 1],
    })
}

/// Begins, fills and ends one session.
pub(super) fn whole_session(store: &SqliteStore, id: &str, block: u64, bytes: usize) {
    store.begin_session(&session_at(id, block)).unwrap();
    store.intend_task(id, 0).unwrap();
    store.record_exchange(id, 0, &exchange(bytes)).unwrap();
    store.end_session(id, &passed(500)).unwrap();
}
