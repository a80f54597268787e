//! The same arguments give the same answer for the same fuel.

use host::subnet::challenge::{Answer, Exchange, Step};
use host::subnet::plugin::Plugins;

use super::support::{Node, evidence, session};

#[tokio::test]
async fn two_fresh_instances_agree_on_output_and_fuel() {
    let (one, two) = (Node::misbehaving("ok"), Node::misbehaving("ok"));
    let first = one.policy().evaluate(&evidence(16)).await.unwrap();
    let second = two.policy().evaluate(&evidence(16)).await.unwrap();
    assert_eq!(first.value, second.value);
    assert_eq!(first.fuel, second.fuel);
    assert_eq!(first.memory_bytes, second.memory_bytes);
    assert!(first.fuel > 0 && first.memory_bytes > 0);
}

#[tokio::test]
async fn clocks_random_bytes_and_hash_tables_stand_still() {
    let (one, two) = (Node::misbehaving("ambient"), Node::misbehaving("ambient"));
    let first = one.policy().evaluate(&evidence(1)).await.unwrap();
    let second = two.policy().evaluate(&evidence(1)).await.unwrap();
    assert_eq!(first.value, second.value);
    assert_eq!(first.fuel, second.fuel);
    let told = &first.value.scores[0].reason;
    assert!(told.contains("wall Ok(0ns)"), "{told}");
    assert!(told.contains("variables 0"), "{told}");
}

#[tokio::test]
async fn a_generators_chance_follows_from_its_seed_alone() {
    let node = Node::misbehaving("ambient");
    let generator = node.registry.generators().remove(0);
    let told = async |seed: u8, id: &str| {
        let mut session = session();
        session.seed = [seed; 32];
        session.id = id.to_owned();
        let Step::Ask(task) = generator.advance(&session, &[]).await.unwrap().value else {
            panic!("it asks first");
        };
        let transcript = [Exchange {
            answer: Answer::Payload(task.payload.clone()),
            task,
            elapsed_us: 1,
        }];
        let stepped = generator.advance(&session, &transcript).await.unwrap();
        let Step::Conclude(verdict) = stepped.value else {
            panic!("it concludes then");
        };
        verdict.reason
    };
    assert_eq!(told(1, "a").await, told(1, "a").await);
    assert_ne!(told(1, "a").await, told(2, "a").await);
}
