//! What becomes of a session that was under way when the node ended.

use super::fakes::{Happened, asks, plugin, task};
use super::*;
use crate::subnet::challenge::{Answer, Exchange, Session};
use crate::subnet::evidence::SessionRecord;

/// A session with uid 1, begun at block 100 under this generator, one task answered.
fn under_way(world: &World, generator: &str) {
    let miner = &world.chain.now().neurons[1];
    let session = Session {
        id: "before".into(),
        netuid: 1,
        validator: me(),
        uid: 1,
        hotkey: miner.hotkey,
        machine: String::new(),
        block: 100,
        claimed: None,
        seed: [42; 32],
        memory: Vec::new(),
    };
    let generator = plugin(generator);
    let record = SessionRecord { session, generator };
    world.store.begin_session(&record).unwrap();
    world.store.intend_task("before", 0).unwrap();
    let exchange = Exchange {
        task: task(vec![1]),
        answer: Answer::Payload(vec![2]),
        elapsed_us: 3,
    };
    world.store.record_exchange("before", 0, &exchange).unwrap();
}

/// What a node that starts at `head` does with it.
async fn restart(world: &World, head: u64) {
    let (means, metagraph) = (world.means(), Arc::new(world.chain.now()));
    let resumed = session::resume(&means, head).await;
    let answering = Answering::default();
    round::round(
        &means,
        &world.options,
        &metagraph,
        &answering,
        resumed,
        false,
    )
    .await;
}

#[tokio::test]
async fn a_session_continues_under_its_generator_with_its_transcript() {
    let world = World::new(1, 9);
    world.plugins.keep("older", asks(2));
    under_way(&world, "older");
    restart(&world, 120).await;
    assert!(world.passed(1));
    assert_eq!(world.dendrite.sent(), [(1, 1)]);
    let diary = world.dendrite.diary();
    assert!(diary.contains(&Happened::Advanced(1, 1)));
    assert!(!diary.contains(&Happened::Advanced(1, 0)));
}

#[tokio::test]
async fn a_session_whose_task_was_on_its_way_is_void() {
    let world = World::new(1, 2);
    under_way(&world, "matmul");
    world.store.intend_task("before", 1).unwrap();
    restart(&world, 101).await;
    assert!(world.void(1).contains("on its way"));
    assert_eq!(world.dendrite.sent(), []);
}

#[tokio::test]
async fn a_session_whose_generator_is_gone_is_void() {
    let world = World::new(1, 2);
    under_way(&world, "removed");
    restart(&world, 101).await;
    assert!(world.void(1).contains("no longer here"));
}

#[tokio::test]
async fn a_session_from_long_ago_is_void() {
    let world = World::new(1, 2);
    under_way(&world, "matmul");
    restart(&world, 121).await;
    assert!(world.void(1).contains("too long"));
}

#[tokio::test]
async fn a_session_whose_miner_left_meanwhile_ends_all_the_same() {
    let world = World::new(1, 2);
    under_way(&world, "matmul");
    world
        .chain
        .with(|state| state.metagraph.neurons[1].axon = None);
    restart(&world, 101).await;
    assert!(!world.passed(1));
    assert_eq!(world.dendrite.sent(), []);
}
