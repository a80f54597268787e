//! How committed weights are followed until they count.

use std::sync::Mutex;

use super::settling::{intended, sent, state, vector};
use super::*;
use crate::role::testing::Fate;
use crate::subnet::commit::{Commit, CommitFate, DropReason, Hiding};
use crate::subnet::events::WeightsKind;
use crate::subnet::evidence::{WeightsRecord, WeightsState};

/// A subnet that demands commits, and epoch 10's weights about to be sent.
fn committing() -> World {
    let world = World::new(2, 1);
    intended(&world);
    world
        .chain
        .with(|state| state.metagraph.rules.commit_reveal = true);
    world
}

fn fate(world: &World, fate: CommitFate) {
    world.chain.with(|state| state.commit_fate = fate);
}

/// Epoch 11, of the blocks from 110 to `end`, at this head.
fn next_epoch(world: &World, head: u64, end: u64) {
    world.chain.head(head);
    world.chain.with(|state| {
        state.metagraph.epoch = 11;
        state.metagraph.next_epoch_block = Some(end);
    });
}

const WAITING: CommitFate = CommitFate::Waiting {
    since: 100,
    reveal_block: Some(111),
    due: false,
};

const DROPPED: CommitFate = CommitFate::Dropped {
    block: 113,
    why: DropReason::Refused,
};

/// Keeps what happened to weights.
#[derive(Default)]
struct Kinds(Mutex<Vec<WeightsKind>>);

impl Observer for Kinds {
    fn observe(&self, event: Event) {
        if let Event::Weights { kind, .. } = event {
            self.0.lock().unwrap().push(kind);
        }
    }
}

fn commit_of(state: WeightsState) -> Commit {
    match state {
        WeightsState::Committing(commit) | WeightsState::Committed(commit, _) => commit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_commit_s_inclusion_confirms_nothing() {
    let world = committing();
    // The same weights are there from before: they prove nothing either.
    world.chain.with(|state| state.weights = vector());
    fate(&world, WAITING);
    let mut validator = world.validator();
    for head in 100..103 {
        world.chain.head(head);
        validator.settle_weights().await.unwrap();
        assert!(matches!(state(&world), WeightsState::Committed(_, 100)));
    }
    fate(&world, CommitFate::Revealed(113));
    next_epoch(&world, 114, 120);
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Confirmed(113));
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn a_commit_is_on_disk_before_it_is_sent() {
    let world = committing();
    world.chain.with(|state| state.fate = Fate::Lost);
    assert!(world.validator().settle_weights().await.is_err());
    let kept = commit_of(state(&world));
    assert_eq!(world.chain.with(|state| state.committed.clone()), [kept]);
}

#[tokio::test]
async fn a_commit_on_its_way_during_a_crash_is_looked_up_and_not_sent_again() {
    let world = committing();
    world.chain.with(|state| state.fate = Fate::Lost);
    assert!(world.validator().settle_weights().await.is_err());

    let mut restarted = world.validator();
    for head in 101..105 {
        world.chain.head(head);
        restarted.settle_weights().await.unwrap();
    }
    fate(&world, WAITING);
    restarted.settle_weights().await.unwrap();
    assert!(matches!(state(&world), WeightsState::Committed(_, 100)));
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_made_anew() {
    let world = committing();
    world.chain.with(|state| state.fate = Fate::Lost);
    assert!(world.validator().settle_weights().await.is_err());
    world.chain.with(|state| state.fate = Fate::Lands);

    let mut restarted = world.validator();
    for head in 101..110 {
        world.chain.head(head);
        restarted.settle_weights().await.unwrap();
    }
    assert!(matches!(state(&world), WeightsState::Committed(_, 109)));
    assert_eq!(sent(&world), 2);
}

#[tokio::test]
async fn a_dropped_commit_is_reported_and_made_anew() {
    let world = committing();
    let kinds = Arc::new(Kinds::default());
    let mut means = world.means();
    means.observer = kinds.clone();
    let mut validator = Validator::new(means, world.options.clone());
    validator.settle_weights().await.unwrap();
    let first = commit_of(state(&world));

    fate(&world, DROPPED);
    // The same weights were there before: a drop is one all the same.
    world.chain.with(|state| state.weights = vector());
    next_epoch(&world, 114, 140);
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Intended);
    world.chain.head(115);
    validator.settle_weights().await.unwrap();
    assert_ne!(commit_of(state(&world)), first);
    assert_eq!(sent(&world), 2);
    let happened = kinds.0.lock().unwrap().clone();
    let expected = [
        WeightsKind::Committed,
        WeightsKind::Dropped,
        WeightsKind::Committed,
    ];
    assert_eq!(happened, expected);
}

#[tokio::test]
async fn a_commit_that_is_always_dropped_is_given_up() {
    let world = committing();
    fate(&world, DROPPED);
    let mut validator = world.validator();
    validator.settle_weights().await.unwrap();
    next_epoch(&world, 114, 1000);
    for head in 115..130 {
        world.chain.head(head);
        validator.settle_weights().await.unwrap();
    }
    assert_eq!(state(&world), WeightsState::Abandoned);
    assert_eq!(sent(&world), 3);
}

#[tokio::test]
async fn a_dropped_commit_does_not_cost_the_next_epoch_its_weights() {
    let world = committing();
    world.chain.with(|state| {
        state.metagraph.rules.weights_rate_limit = 10;
        state.metagraph.neurons[0].last_update = 50;
    });
    let mut validator = world.validator();
    validator.settle_weights().await.unwrap();
    fate(&world, DROPPED);
    // Committed at 114 they would bar the way until 124, and scoring is due at 117.
    next_epoch(&world, 113, 120);
    validator.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Abandoned);
    assert_eq!(sent(&world), 1);
}

#[tokio::test]
async fn commits_of_several_epochs_are_followed_beside_one_another() {
    let world = committing();
    let mut validator = world.validator();
    validator.settle_weights().await.unwrap();
    let older = commit_of(state(&world));
    let next = WeightsRecord {
        epoch: 11,
        weights: vector(),
        state: WeightsState::Intended,
        held_epochs: 0,
    };
    world.store.record_weights(&next).unwrap();
    fate(&world, WAITING);
    next_epoch(&world, 110, 120);
    validator.settle_weights().await.unwrap();
    let unsettled = world.store.unsettled_weights().unwrap();
    assert_eq!(unsettled.len(), 2);
    assert_eq!(commit_of(unsettled[0].state.clone()), older);
    assert!(matches!(unsettled[1].state, WeightsState::Committed(..)));
}

#[tokio::test]
async fn a_salt_is_told_when_the_chain_waits_for_it() {
    let world = committing();
    let hiding = Hiding::Salted {
        salt: vec![1, 65_535],
    };
    world.chain.with(|state| state.hiding = hiding);
    world.validator().settle_weights().await.unwrap();
    let commit = commit_of(state(&world));

    // After a crash the salt is still known.
    let mut restarted = world.validator();
    next_epoch(&world, 110, 120);
    let due = CommitFate::Waiting {
        since: 100,
        reveal_block: Some(111),
        due: true,
    };
    fate(&world, due);
    restarted.settle_weights().await.unwrap();
    let revealed = world.chain.with(|state| state.revealed.clone());
    assert_eq!(revealed, [(vector(), commit)]);
    assert!(matches!(state(&world), WeightsState::Committed(_, 100)));
    fate(&world, CommitFate::Revealed(111));
    restarted.settle_weights().await.unwrap();
    assert_eq!(state(&world), WeightsState::Confirmed(111));
}
