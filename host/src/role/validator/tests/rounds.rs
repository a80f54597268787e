//! What a round promises about clocks, disk and other people's trouble.

use std::sync::atomic::Ordering;

use super::fakes::{Happened, asks};
use super::*;
use crate::subnet::challenge::{Answer, SESSION_TASKS_MAX};
use crate::subnet::plugin::PluginError;
use crate::subnet::wire::Wire;

fn unreachable() -> Answer {
    Answer::Unreachable("connection refused".into())
}

#[tokio::test]
async fn one_miners_trouble_keeps_no_other_from_its_verdict() {
    let world = World::new(6, 2);
    world.dendrite.says(1, 0, Answer::TimedOut);
    let odd = Answer::BrokeProtocol("a cat picture".into());
    world.dendrite.says(2, 0, odd);
    world.dendrite.says(3, 0, Answer::TooLarge);
    world.challenge().await;
    for uid in 1..=3 {
        assert!(!world.passed(uid), "uid {uid}");
    }
    for uid in 4..=6 {
        assert!(world.passed(uid), "uid {uid}");
    }
}

#[tokio::test]
async fn a_miner_that_is_busy_counts_only_once_it_has_seen_a_task() {
    let world = World::new(3, 2);
    world.dendrite.says(1, 0, Answer::Busy(9000));
    world.dendrite.says(2, 1, Answer::Busy(9000));
    world.challenge().await;
    assert!(world.void(1).contains("busy"));
    assert!(!world.passed(2));
    assert!(world.passed(3));
}

#[tokio::test]
async fn a_miner_that_is_not_reached_counts_only_once_it_has_seen_a_task() {
    let world = World::new(4, 2);
    world.dendrite.says(1, 0, unreachable());
    world.dendrite.says(2, 1, unreachable());
    world.challenge().await;
    assert!(world.void(1).contains("not reached"));
    assert!(!world.passed(2));
    assert!(world.passed(3));
}

#[tokio::test]
async fn a_miner_whose_wire_carries_no_challenges_is_told_so_and_asked_nothing() {
    let world = World::new(3, 2);
    world.dendrite.speaks(1, Wire::Classic);
    world.dendrite.speaks(2, Wire::Unsigned);
    world.challenge().await;
    assert!(world.void(1).contains("classic wire"));
    assert!(world.void(2).contains("does not sign"));
    assert!(world.passed(3));
    let asked = world.dendrite.sent();
    assert!(asked.iter().all(|(uid, _)| *uid == 3), "{asked:?}");
}

#[tokio::test]
async fn a_miner_that_forgot_its_session_is_judged() {
    let world = World::new(3, 2);
    world.dendrite.says(1, 1, Answer::Forgotten);
    world.challenge().await;
    assert!(!world.passed(1));
    assert!(world.passed(2));
}

#[tokio::test]
async fn when_most_fail_in_transport_at_once_nobody_is_judged() {
    let world = World::new(4, 2);
    for uid in 1..=3 {
        world.dendrite.says(uid, 1, Answer::TimedOut);
    }
    world.challenge().await;
    for uid in 1..=4 {
        assert!(world.void(uid).contains("validator's"), "uid {uid}");
    }
}

#[tokio::test]
async fn when_as_many_fail_as_are_allowed_they_are_judged() {
    let world = World::new(4, 2);
    world.dendrite.says(1, 1, Answer::TimedOut);
    world.dendrite.says(2, 1, unreachable());
    world.challenge().await;
    assert!(!world.passed(1) && !world.passed(2));
    assert!(world.passed(3) && world.passed(4));
}

#[tokio::test]
async fn who_was_never_reached_counts_towards_a_fault_of_our_own() {
    let world = World::new(4, 1);
    for uid in 1..=3 {
        world.dendrite.says(uid, 0, unreachable());
    }
    world.dendrite.says(4, 0, Answer::TimedOut);
    world.challenge().await;
    assert!(world.void(4).contains("validator's"));
}

#[tokio::test]
async fn two_sessions_say_nothing_about_whose_fault_it_is() {
    let world = World::new(2, 1);
    world.dendrite.says(1, 0, Answer::TimedOut);
    world.dendrite.says(2, 0, Answer::TimedOut);
    world.challenge().await;
    assert!(!world.passed(1) && !world.passed(2));
}

/// The sendings and answers of one step.
fn clocks(world: &World, of: u16) -> Vec<Happened> {
    let mut diary = world.dendrite.diary();
    diary.retain(|happened| {
        matches!(happened, Happened::Sent(_, step) | Happened::Answered(_, step) if *step == of)
    });
    diary
}

#[tokio::test]
async fn the_tasks_of_a_step_leave_together() {
    let world = World::new(5, 2);
    world.challenge().await;
    for step in 0..2 {
        let clocks = clocks(&world, step);
        assert_eq!(clocks.len(), 10);
        let (first, last) = clocks.split_at(5);
        assert!(first.iter().all(|it| matches!(it, Happened::Sent(..))));
        assert!(last.iter().all(|it| matches!(it, Happened::Answered(..))));
    }
}

#[tokio::test]
async fn miners_that_share_a_machine_are_asked_in_turn() {
    let mut world = World::new(5, 2);
    world.options.spread = Spread::InTurn;
    world.challenge().await;
    for step in 0..2 {
        let clocks = clocks(&world, step);
        assert_eq!(clocks.len(), 10);
        for pair in clocks.chunks(2) {
            let [Happened::Sent(sent, _), Happened::Answered(answered, _)] = pair else {
                panic!("two clocks ran at once: {clocks:?}");
            };
            assert_eq!(sent, answered);
        }
    }
}

#[tokio::test]
async fn no_generator_runs_while_a_task_is_out() {
    let world = World::new(5, 3);
    world.challenge().await;
    assert_eq!(world.dendrite.sent().len(), 15);
    assert_eq!(world.dendrite.disturbed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_task_is_on_disk_before_it_is_sent() {
    let world = World::new(4, 3);
    world.challenge().await;
    assert_eq!(world.dendrite.sent().len(), 12);
    assert_eq!(world.dendrite.unrecorded.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_generator_that_never_concludes_voids_its_session_only() {
    let world = World::new(3, 1);
    let (endless, honest) = (asks(usize::MAX), asks(1));
    world
        .plugins
        .generate(move |session, transcript| match session.uid {
            1 => endless(session, transcript),
            _ => honest(session, transcript),
        });
    world.challenge().await;
    let why = world.void(1);
    assert!(why.contains("matmul") && why.contains("16"), "{why}");
    let asked = world
        .dendrite
        .sent()
        .iter()
        .filter(|(uid, _)| *uid == 1)
        .count();
    assert_eq!(asked, SESSION_TASKS_MAX);
    assert!(world.passed(2) && world.passed(3));
}

#[tokio::test]
async fn a_generator_that_fails_voids_its_session_only() {
    let world = World::new(3, 1);
    let honest = asks(1);
    world
        .plugins
        .generate(move |session, transcript| match session.uid {
            1 => Err(PluginError::Trapped("unreachable".into())),
            _ => honest(session, transcript),
        });
    world.challenge().await;
    assert!(world.void(1).contains("crashed"));
    assert!(world.passed(2) && world.passed(3));
    assert!(world.dendrite.sent().iter().all(|(uid, _)| *uid != 1));
}

#[tokio::test]
async fn who_does_not_answer_the_survey_is_not_challenged() {
    let world = World::new(3, 1);
    world.dendrite.silence(2);
    world.challenge().await;
    assert!(!world.endings().contains_key(&2));
    assert!(world.passed(1) && world.passed(3));
    let metagraph = world.chain.now();
    let contacts = |uid: usize| world.store.contacts(&metagraph.neurons[uid].hotkey, 0);
    assert_eq!(contacts(2), Ok((0, 1)));
    assert_eq!(contacts(1), Ok((1, 1)));
}

#[tokio::test]
async fn more_miners_than_sessions_at_once_are_all_challenged() {
    let mut world = World::new(5, 1);
    world.options.sessions_at_once = 2;
    world.challenge().await;
    assert!((1..=5).all(|uid| world.passed(uid)));
}

#[tokio::test]
async fn every_miner_is_told_when_its_session_is_over() {
    let world = World::new(3, 2);
    world.dendrite.says(1, 0, Answer::TimedOut);
    world.challenge().await;
    let diary = world.dendrite.diary();
    for uid in 1..=3 {
        let released = diary.iter().filter(|it| **it == Happened::Released(uid));
        assert_eq!(released.count(), 1, "uid {uid}");
    }
}
