//! `kill -9` at any moment: what returned `Ok` is there, nothing is half there.
//!
//! The test starts its own binary again as the node that is killed. The child
//! reports each call after it returned; the parent kills it after so many
//! reports, wherever it is by then, and looks.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "HOST_TEST_KILL_FOLDER";
const CHILD: &str = "store::tests::kill::the_node_that_is_killed";

/// Does nothing unless the other test started it.
#[test]
fn the_node_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&folder), &owner(), Retention::default()).unwrap();
    let report = |text: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n@{text}").unwrap();
        out.flush().unwrap();
    };
    for number in 0.. {
        let id = format!("s{number}");
        store.begin_session(&session(&id)).unwrap();
        report(format!("begun {id}"));
        store.intend_task(&id, 0).unwrap();
        report(format!("asked {id}"));
        store.record_exchange(&id, 0, &exchange(5000)).unwrap();
        report(format!("answered {id}"));
        store.end_session(&id, &passed(number % 1000)).unwrap();
        report(format!("ended {id}"));
    }
}

/// Kills the child after so many reports and returns those it made.
fn run_and_kill(folder: &Path, reports: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = out
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix('@').map(str::to_owned));
    let mut seen: Vec<String> = lines.by_ref().take(reports).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    seen.extend(lines);
    seen
}

#[test]
fn what_returned_ok_survives_kill_9() {
    // Prime steps, so that every kind of call is the last one some time.
    for reports in [1, 2, 3, 4, 17, 30, 43] {
        let folder = folder();
        let path = folder.path().join("state");
        let seen = run_and_kill(&path, reports);
        assert!(seen.len() >= reports, "the child died early: {seen:?}");
        let store = open(&folder);
        let kept = look(&store);
        for line in &seen {
            let (what, id) = line.split_once(' ').unwrap();
            assert!(kept.holds(what, id), "{line} was lost after {reports}");
        }
        assert!(kept.open.len() <= 1, "one session at a time was begun");
        assert_eq!(
            kept.findings as usize,
            kept.ended.len(),
            "a verdict is a finding"
        );
    }
}

struct Kept {
    /// Id, whether asked, whether answered.
    open: Vec<(String, bool, bool)>,
    ended: Vec<String>,
    findings: u32,
}

impl Kept {
    fn holds(&self, what: &str, id: &str) -> bool {
        let ended = self.ended.iter().any(|ended| ended == id);
        let open = self.open.iter().find(|(open, ..)| open == id);
        let (asked, answered) =
            open.map_or((false, false), |(_, asked, answered)| (*asked, *answered));
        ended
            || match what {
                "begun" => open.is_some(),
                "asked" => asked || answered,
                "answered" => answered,
                _ => false,
            }
    }
}

fn look(store: &SqliteStore) -> Kept {
    let open = store
        .unfinished()
        .unwrap()
        .into_iter()
        .map(|u| (u.record.session.id, u.asked, !u.transcript.is_empty()))
        .collect();
    let connection = store.connection.lock().unwrap();
    let mut statement = connection
        .prepare("SELECT id FROM sessions WHERE ending IS NOT NULL")
        .unwrap();
    let ended = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let findings = connection
        .query_row("SELECT count(*) FROM findings", [], |row| row.get(0))
        .unwrap();
    Kept {
        open,
        ended,
        findings,
    }
}
