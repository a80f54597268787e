//! What is found, and what is not.

use super::*;

async fn found(world: &World, requirement: Value) -> Vec<u64> {
    let answer = world.ask("find", requirement).await.unwrap();
    let machines = answer["machines"].as_array().unwrap();
    machines
        .iter()
        .map(|m| m["uid"].as_u64().unwrap())
        .collect()
}

fn finding(machine: &str, block: u64, passed: bool) -> Finding {
    Finding {
        challenge: "matmul".to_owned(),
        machine: machine.to_owned(),
        block,
        passed,
        grade_permille: 0,
        proven: None,
        metrics: Vec::new(),
    }
}

#[tokio::test]
async fn machines_are_found_by_what_they_are_cheapest_first() {
    let world = World::new();
    let mut small = machine("", 5);
    small.claimed.gpus[0].count = 1;
    world.describes(3, vec![small]);
    assert_eq!(found(&world, json!({})).await, [3, 1, 2]);
    assert_eq!(
        found(&world, json!({"gpu_model": "h100", "gpu_count": 8})).await,
        [1, 2]
    );
    assert_eq!(
        found(&world, json!({"gpu_model": "a100"})).await,
        [0_u64; 0]
    );
    assert_eq!(
        found(&world, json!({"price_micro_usd_per_hour_max": 10})).await,
        [3, 1]
    );
    assert_eq!(found(&world, json!({"region": "us"})).await, [0_u64; 0]);
    assert_eq!(found(&world, json!({"cpu_threads": 65})).await, [0_u64; 0]);
    let of = neuron(2).hotkey.to_string();
    assert_eq!(found(&world, json!({"miner": of})).await, [2]);
}

#[tokio::test]
async fn what_is_not_for_rent_or_not_signed_is_not_offered() {
    let world = World::new();
    let mut unsigned = machine("", 5);
    unsigned.labels.push(Label {
        name: "wire".to_owned(),
        value: "classic".to_owned(),
    });
    world.describes(1, vec![unsigned]);
    world.describes(
        2,
        vec![machine("", 0), machine("pod", 7), machine("pod", 1)],
    );
    let answer = world.ask("find", json!({})).await.unwrap();
    let machines = answer["machines"].as_array().unwrap();
    let ids: Vec<_> = machines.iter().map(|m| &m["machine"]).collect();
    assert_eq!(ids, ["pod", ""]);
}

#[test]
fn a_challenge_that_was_failed_last_is_no_proof() {
    let requirement = Requirement {
        proven_only: true,
        ..Requirement::default()
    };
    let proved = |findings: &[Finding]| {
        let description = Description {
            machines: vec![machine("", 1)],
            ..Description::default()
        };
        !market::machines(&neuron(1), description, findings, &requirement).is_empty()
    };
    assert!(!proved(&[]));
    assert!(proved(&[finding("", 9, true), finding("", 8, false)]));
    assert!(!proved(&[finding("", 9, false), finding("", 8, true)]));
    assert!(!proved(&[finding("pod", 9, true)]));
}
