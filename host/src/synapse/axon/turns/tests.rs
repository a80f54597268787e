//! Who goes first, who is displaced, and that no turn is ever lost.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;

use super::*;

fn key(n: u8) -> AccountId {
    AccountId([n; 32])
}

fn free(turns: &Turns) -> usize {
    lock(&turns.room).free
}

#[tokio::test]
async fn a_free_turn_goes_to_whoever_has_most_at_stake() {
    let turns = Turns::new(1, 9, 9);
    let held = turns.take(key(0), 0).await.unwrap();
    let mut poor = Box::pin(turns.take(key(1), 1));
    let mut rich = Box::pin(turns.take(key(2), 5));
    let mut late = Box::pin(turns.take(key(3), 5));
    for waiting in [&mut poor, &mut rich, &mut late] {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    drop(held);
    assert!(poor.as_mut().now_or_never().is_none());
    assert!(late.as_mut().now_or_never().is_none());
    let first = rich.await.unwrap();
    drop(first);
    drop(late.await.unwrap());
    drop(poor.await.unwrap());
    assert_eq!(free(&turns), 1);
    assert!(lock(&turns.room).by_hotkey.is_empty());
}

#[tokio::test]
async fn more_at_stake_takes_the_place_of_the_least() {
    let turns = Turns::new(1, 9, 1);
    let held = turns.take(key(0), 0).await.unwrap();
    let mut poor = Box::pin(turns.take(key(1), 1));
    assert!(poor.as_mut().now_or_never().is_none());
    assert_eq!(turns.take(key(2), 1).await.err(), Some(NoTurn::Full));
    let mut rich = Box::pin(turns.take(key(3), 2));
    assert!(rich.as_mut().now_or_never().is_none());
    assert_eq!(poor.await.err(), Some(NoTurn::Displaced));
    drop(held);
    drop(rich.await.unwrap());
    assert_eq!(free(&turns), 1);
    assert!(lock(&turns.room).by_hotkey.is_empty());
}

#[tokio::test]
async fn nobody_fills_the_room_with_one_key() {
    let turns = Turns::new(1, 2, 9);
    let held = turns.take(key(1), 0).await.unwrap();
    let mut own = Box::pin(turns.take(key(1), 0));
    assert!(own.as_mut().now_or_never().is_none());
    assert_eq!(turns.take(key(1), 0).await.err(), Some(NoTurn::OwnShare));
    drop((held, own));
    assert_eq!(free(&turns), 1);
}

#[tokio::test]
async fn whoever_gives_up_loses_nobodys_turn() {
    let turns = Turns::new(1, 9, 9);
    let held = turns.take(key(0), 0).await.unwrap();
    let mut gone = Box::pin(turns.take(key(1), 9));
    let mut stays = Box::pin(turns.take(key(2), 1));
    assert!(gone.as_mut().now_or_never().is_none());
    assert!(stays.as_mut().now_or_never().is_none());
    // Called, but gone before it noticed.
    drop(held);
    drop(gone);
    drop(stays.await.unwrap());
    let held = turns.take(key(0), 0).await.unwrap();
    let mut gone = Box::pin(turns.take(key(1), 9));
    assert!(gone.as_mut().now_or_never().is_none());
    drop(gone);
    drop(held);
    assert_eq!(free(&turns), 1);
    assert!(lock(&turns.room).by_hotkey.is_empty());
}
