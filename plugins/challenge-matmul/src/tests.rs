//! Whole sessions, from the first task to the verdict.
#![allow(clippy::unwrap_used, clippy::panic)]

use matmul_proof::{reference::Prover, wire::Request};
use proptest::prelude::*;

use crate::{
    bindings::exports::compute::subnet::challenge::{
        Answer, Exchange, Session, Step, Task, Verdict,
    },
    conversation::advance,
    settings::Settings,
};

fn settings() -> Settings {
    let table = [
        ("rows", "16"),
        ("n", "256"),
        ("rounds", "2"),
        ("cells", "3"),
        ("full-grade-gops", "2"),
    ];
    Settings::read(&table.map(|(key, value)| (key.to_owned(), value.to_owned()))).unwrap()
}

fn session() -> Session {
    Session {
        id: "7f".to_owned(),
        netuid: 1,
        validator: "5Validator".to_owned(),
        uid: 4,
        hotkey: "5Miner".to_owned(),
        machine: String::new(),
        block: 100,
        claimed: None,
        seed: vec![7; 32],
        memory: Vec::new(),
    }
}

fn asked(step: Result<Step, String>) -> Task {
    match step.unwrap() {
        Step::Ask(task) => task,
        Step::Conclude(verdict) => panic!("concluded: {}", verdict.reason),
    }
}

fn concluded(step: Result<Step, String>) -> Verdict {
    match step.unwrap() {
        Step::Conclude(verdict) => verdict,
        Step::Ask(_) => panic!("asked once more"),
    }
}

fn exchange(task: Task, answer: Answer) -> Exchange {
    Exchange {
        task,
        answer,
        elapsed_us: 1_000,
    }
}

/// A miner that follows the protocol under the key `miner`.
fn solve(task: &Task, miner: &str) -> (Prover, Vec<u8>) {
    let Ok(Request::Compute(work)) = Request::decode(&task.payload) else {
        panic!("not a task")
    };
    let prover = Prover::compute(&work, "5Validator", miner, "7f");
    let roots = prover.roots();
    (prover, roots)
}

/// The transcript up to the rows, by a miner that computed under `miner`.
fn committed(miner: &str) -> (Prover, Exchange, Task, Vec<u32>) {
    let first = asked(advance(&settings(), &session(), &[]));
    let (prover, roots) = solve(&first, miner);
    let work = exchange(first, Answer::Payload(roots));
    let second = asked(advance(
        &settings(),
        &session(),
        std::slice::from_ref(&work),
    ));
    let Ok(Request::Open(rows)) = Request::decode(&second.payload) else {
        panic!("not an opening")
    };
    (prover, work, second, rows)
}

fn judge(work: Exchange, second: Task, answer: Answer) -> Verdict {
    concluded(advance(
        &settings(),
        &session(),
        &[work, exchange(second, answer)],
    ))
}

#[test]
fn an_honest_session_passes_and_its_work_is_counted() {
    let (prover, work, second, rows) = committed("5Miner");
    let verdict = judge(work, second, Answer::Payload(prover.open(&rows)));
    assert!(verdict.passed, "{}", verdict.reason);
    // 2 * 16 * 256 * 256 * 2 operations in 1000 us.
    assert_eq!(verdict.metrics[0].name, "proven-mops");
    assert_eq!(verdict.metrics[0].value, 4_194);
    assert_eq!(verdict.grade_permille, 1_000);
}

#[test]
fn the_grade_is_in_proportion_to_the_throughput() {
    let (prover, mut work, second, rows) = committed("5Miner");
    work.elapsed_us = 4_194;
    let verdict = judge(work, second, Answer::Payload(prover.open(&rows)));
    assert_eq!(verdict.grade_permille, 500);
}

#[test]
fn the_time_of_the_opening_does_not_count() {
    let (prover, work, second, rows) = committed("5Miner");
    let mut late = exchange(second, Answer::Payload(prover.open(&rows)));
    late.elapsed_us = u64::MAX;
    let verdict = concluded(advance(&settings(), &session(), &[work, late]));
    assert_eq!(verdict.metrics[0].value, 4_194);
}

#[test]
fn rows_cannot_be_known_from_the_first_task() {
    let (_, _, _, rows) = committed("5Miner");
    let mut other = session();
    other.seed = vec![8; 32];
    let first = asked(advance(&settings(), &other, &[]));
    let (_, roots) = solve(&first, "5Miner");
    let second = asked(advance(
        &settings(),
        &other,
        &[exchange(first, Answer::Payload(roots))],
    ));
    assert_ne!(Request::decode(&second.payload), Ok(Request::Open(rows)));
}

#[test]
fn a_relayed_task_fails_and_says_so() {
    let (prover, work, second, rows) = committed("5SomebodyElse");
    let verdict = judge(work, second, Answer::Payload(prover.open(&rows)));
    assert!(!verdict.passed);
    assert!(
        verdict.reason.contains("another miner"),
        "{}",
        verdict.reason
    );
}

#[test]
fn no_second_attempt_once_the_rows_are_known() {
    for answer in [
        Answer::Forgotten,
        Answer::TimedOut,
        Answer::Unreachable("reset".to_owned()),
        Answer::Refused("later".to_owned()),
        Answer::BrokeProtocol("unsigned".to_owned()),
        Answer::TooLarge,
        Answer::Busy(5),
    ] {
        let (_, work, second, _) = committed("5Miner");
        let verdict = judge(work, second, answer);
        assert!(!verdict.passed);
        assert!(verdict.reason.contains("after it had learnt"));
        assert_eq!(
            verdict.metrics[0].value, 0,
            "not to be mistaken for silence"
        );
    }
}

#[test]
fn a_commitment_exchanged_after_the_rows_are_known_fails() {
    let (prover, work, second, rows) = committed("5Miner");
    let mut other = prover;
    other.inputs[2].swap(0, 1);
    let mut changed = work.clone();
    changed.answer = Answer::Payload(other.roots());
    let verdict = judge(changed, second, Answer::Payload(other.open(&rows)));
    assert!(!verdict.passed);
}

#[test]
fn whoever_does_not_answer_the_first_task_fails_as_silent() {
    for (answer, silent) in [
        (Answer::TimedOut, 1),
        (Answer::Unreachable("refused".to_owned()), 1),
        (Answer::Refused("no solver".to_owned()), 0),
        (Answer::BrokeProtocol("unsigned".to_owned()), 0),
        (Answer::TooLarge, 0),
        (Answer::Forgotten, 0),
        (Answer::Payload(vec![0; 100]), 0),
    ] {
        let first = asked(advance(&settings(), &session(), &[]));
        let verdict = concluded(advance(&settings(), &session(), &[exchange(first, answer)]));
        assert!(!verdict.passed);
        assert_eq!(verdict.metrics[0].name, "unanswered-tasks");
        assert_eq!(verdict.metrics[0].value, silent, "{}", verdict.reason);
    }
}

#[test]
fn a_busy_miner_voids_the_session() {
    let first = asked(advance(&settings(), &session(), &[]));
    assert!(advance(&settings(), &session(), &[exchange(first, Answer::Busy(3))]).is_err());
}

#[test]
fn settings_changed_in_the_middle_do_not_matter_to_a_running_session() {
    let (prover, work, second, rows) = committed("5Miner");
    let last = exchange(second, Answer::Payload(prover.open(&rows)));
    let changed = Settings::read(&[("n".to_owned(), "512".to_owned())]).unwrap();
    assert!(concluded(advance(&changed, &session(), &[work, last])).passed);
}

#[test]
fn a_transcript_that_is_not_ours_is_void_and_not_the_miner_s_fault() {
    let (prover, work, second, rows) = committed("5Miner");
    let mut forged = second.clone();
    forged.payload = matmul_proof::wire::encode_open(&[0, 1, 2]);
    let last = exchange(forged, Answer::Payload(prover.open(&rows)));
    assert!(advance(&settings(), &session(), &[work.clone(), last.clone()]).is_err());
    assert!(advance(&settings(), &session(), &[last, work]).is_err());
    let mut short = session();
    short.seed.pop();
    assert!(advance(&settings(), &short, &[]).is_err());
}

#[test]
fn a_stranger_s_words_reach_the_reason_short_and_without_control_characters() {
    let first = asked(advance(&settings(), &session(), &[]));
    let words = format!("\u{1b}[31m{}\n", "x".repeat(10_000));
    let verdict = concluded(advance(
        &settings(),
        &session(),
        &[exchange(first, Answer::Refused(words))],
    ));
    assert!(verdict.reason.len() < 400);
    assert!(!verdict.reason.contains(char::is_control));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_makes_the_generator_panic_or_pass(
        roots in prop::collection::vec(any::<u8>(), 0..200),
        openings in prop::collection::vec(any::<u8>(), 0..9_000),
    ) {
        let first = asked(advance(&settings(), &session(), &[]));
        let work = exchange(first, Answer::Payload(roots));
        let verdict = concluded(advance(&settings(), &session(), &[work]));
        prop_assert!(!verdict.passed);
        let (_, work, second, _) = committed("5Miner");
        prop_assert!(!judge(work, second, Answer::Payload(openings)).passed);
    }
}
