//! What a session leaves behind, and in which order things may happen.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

#[test]
fn an_unfinished_session_comes_back_whole_after_a_restart() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store.intend_task("a", 0).unwrap();
    store.record_exchange("a", 0, &exchange(100)).unwrap();
    drop(store);

    let unfinished = open(&folder).unfinished().unwrap();
    assert_eq!(unfinished.len(), 1);
    assert!(
        unfinished[0].record == session("a"),
        "seed and memory included"
    );
    assert_eq!(unfinished[0].transcript, [exchange(100)]);
    assert!(!unfinished[0].asked);
}

#[test]
fn a_task_without_an_answer_was_asked_after_a_restart() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store.begin_session(&session("b")).unwrap();
    store.intend_task("b", 0).unwrap();
    drop(store);

    let unfinished = open(&folder).unfinished().unwrap();
    let asked: Vec<_> = unfinished
        .iter()
        .map(|u| (u.record.session.id.as_str(), u.asked))
        .collect();
    assert_eq!(asked, [("a", false), ("b", true)]);
}

#[test]
fn a_node_that_stops_between_any_two_calls_goes_on_where_it_was() {
    type Call = fn(&SqliteStore) -> Result<(), StoreError>;
    let calls: [Call; 6] = [
        |store| store.begin_session(&session("a")),
        |store| store.intend_task("a", 0),
        |store| store.record_exchange("a", 0, &exchange(10)),
        |store| store.intend_task("a", 1),
        |store| store.record_exchange("a", 1, &exchange(20)),
        |store| store.end_session("a", &passed(700)),
    ];
    for stopped_after in 0..=calls.len() {
        let folder = folder();
        let store = open(&folder);
        let (before, after) = calls.split_at(stopped_after);
        before.iter().for_each(|call| call(&store).unwrap());
        drop(store);
        let store = open(&folder);
        let open = store.unfinished().unwrap();
        assert_eq!(open.len(), usize::from((1..6).contains(&stopped_after)));
        for unfinished in open {
            assert_eq!(unfinished.asked, [2, 4].contains(&stopped_after));
            let answered = stopped_after.saturating_sub(1) / 2;
            assert_eq!(unfinished.transcript.len(), answered);
        }
        after.iter().for_each(|call| call(&store).unwrap());
        assert_eq!(store.findings(&MINER, 9).unwrap().len(), 1);
    }
}

#[test]
fn a_verdict_is_the_newest_finding_and_remembered() {
    let folder = folder();
    let store = open(&folder);
    whole_session(&store, "a", 100, 1);
    store.begin_session(&session_at("b", 90)).unwrap();
    store.end_session("b", &passed(900)).unwrap();
    drop(store);

    let store = open(&folder);
    let findings = store.findings(&MINER, 10).unwrap();
    let seen: Vec<_> = findings
        .iter()
        .map(|f| (f.grade_permille, f.block))
        .collect();
    assert_eq!(seen, [(900, 90), (500, 100)]);
    assert_eq!(findings[0].challenge, "matmul");
    assert_eq!(store.findings(&MINER, 1).unwrap().len(), 1);
    assert_eq!(store.generator_memory("matmul", &MINER).unwrap(), [9; 5]);
    assert!(store.generator_memory("other", &MINER).unwrap().is_empty());
    assert!(store.findings(&AccountId([0; 32]), 9).unwrap().is_empty());
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn a_void_session_leaves_no_finding_and_no_memory() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store
        .end_session("a", &Ending::Void("busy".to_owned()))
        .unwrap();
    assert!(store.findings(&MINER, 10).unwrap().is_empty());
    assert!(store.generator_memory("matmul", &MINER).unwrap().is_empty());
}

#[test]
fn an_ending_is_final_and_the_same_one_again_changes_nothing() {
    let folder = folder();
    let store = open(&folder);
    whole_session(&store, "a", 100, 1);
    store.end_session("a", &passed(500)).unwrap();
    assert_eq!(store.findings(&MINER, 10).unwrap().len(), 1);
    store.end_session("a", &passed(501)).unwrap_err();
    store
        .end_session("a", &Ending::Void(String::new()))
        .unwrap_err();
    store.intend_task("a", 1).unwrap_err();
    store.record_exchange("a", 1, &exchange(1)).unwrap_err();
    assert_eq!(store.findings(&MINER, 10).unwrap()[0].grade_permille, 500);
}

#[test]
fn a_session_id_is_used_once() {
    let folder = folder();
    let store = open(&folder);
    whole_session(&store, "a", 100, 1);
    let refused = store.begin_session(&session("a")).unwrap_err();
    assert!(refused.to_string().contains("exists"), "{refused}");
    store.begin_session(&session("")).unwrap_err();
    let long = "x".repeat(SESSION_ID_BYTES_MAX + 1);
    store.begin_session(&session(&long)).unwrap_err();
}

#[test]
fn steps_come_one_after_another() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store.record_exchange("a", 0, &exchange(1)).unwrap_err();
    store.intend_task("a", 1).unwrap_err();
    store.intend_task("a", 0).unwrap();
    store.intend_task("a", 0).unwrap();
    store.record_exchange("a", 0, &exchange(1)).unwrap();
    store.record_exchange("a", 0, &exchange(2)).unwrap_err();
    store.intend_task("a", 0).unwrap_err();
    store.intend_task("a", 1).unwrap();
    store.intend_task("unknown", 0).unwrap_err();
    store.end_session("unknown", &passed(1)).unwrap_err();
}

#[test]
fn a_session_has_no_more_tasks_than_the_host_allows() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    for step in 0..16 {
        store.intend_task("a", step).unwrap();
        store.record_exchange("a", step, &exchange(1)).unwrap();
    }
    store.intend_task("a", 16).unwrap_err();
}

#[test]
fn every_kind_of_answer_comes_back_as_it_went() {
    let answers = [
        Answer::Payload(Vec::new()),
        Answer::Payload(vec![0, 159, 146, 150]),
        Answer::TimedOut,
        Answer::Refused("no \u{1b}[2J".to_owned()),
        Answer::Unreachable("refused".to_owned()),
        Answer::BrokeProtocol("garbage".to_owned()),
        Answer::TooLarge,
        Answer::Busy(7),
        Answer::Forgotten,
    ];
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    for (step, answer) in (0..).zip(&answers) {
        let exchange = Exchange {
            answer: answer.clone(),
            ..exchange(3)
        };
        store.intend_task("a", step).unwrap();
        store.record_exchange("a", step, &exchange).unwrap();
    }
    let transcript = store.unfinished().unwrap().remove(0).transcript;
    let back: Vec<Answer> = transcript.into_iter().map(|e| e.answer).collect();
    assert_eq!(back, answers);
}

#[test]
fn a_payload_above_the_limit_is_refused() {
    let folder = folder();
    let store = open(&folder);
    store.begin_session(&session("a")).unwrap();
    store.intend_task("a", 0).unwrap();
    let large = exchange((4 << 20) + 1);
    store.record_exchange("a", 0, &large).unwrap_err();
    store.record_exchange("a", 0, &exchange(4 << 20)).unwrap();
}

#[test]
fn contacts_are_counted_after_a_block() {
    let folder = folder();
    let store = open(&folder);
    for (block, answered) in [(10, true), (10, false), (11, true), (12, false)] {
        store.record_contact(&MINER, block, answered).unwrap();
    }
    assert_eq!(store.contacts(&MINER, 0).unwrap(), (2, 4));
    assert_eq!(store.contacts(&MINER, 10).unwrap(), (1, 2));
    assert_eq!(store.contacts(&MINER, 12).unwrap(), (0, 0));
}

#[test]
fn the_last_description_counts_and_a_huge_one_is_refused() {
    let folder = folder();
    let store = open(&folder);
    assert_eq!(store.description(&MINER).unwrap(), None);
    store.record_description(&MINER, "{}").unwrap();
    store.record_description(&MINER, "{\"a\":1}").unwrap();
    let huge = "x".repeat(DESCRIPTION_BYTES_MAX + 1);
    store.record_description(&MINER, &huge).unwrap_err();
    assert_eq!(
        store.description(&MINER).unwrap().as_deref(),
        Some("{\"a\":1}")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_text_from_a_peer_or_plugin_breaks_a_record(
        id in "\\PC{1,30}", reason in any::<String>(), machine in any::<String>(), step in any::<u16>(),
    ) {
        let folder = folder();
        let store = open(&folder);
        let mut record = session(&id);
        record.session.machine.clone_from(&machine);
        store.begin_session(&record).unwrap();
        prop_assert_eq!(store.intend_task(&id, step).is_ok(), step == 0);
        let Ending::Judged(mut verdict) = passed(1) else { unreachable!() };
        verdict.reason = reason;
        store.end_session(&id, &Ending::Judged(verdict)).unwrap();
        prop_assert_eq!(&store.findings(&MINER, 1).unwrap()[0].machine, &machine);
    }
}
