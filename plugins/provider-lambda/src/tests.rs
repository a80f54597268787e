//! The adapter against a Lambda Cloud of one's own, and all that it does wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{cell::RefCell, rc::Rc};

use provider_kit::{
    Failure, Label, Order, State,
    ssh::HostKey,
    testing::{
        Scripted, any,
        cloud::{Fault, Troubled},
        served, table,
    },
};
use serde_json::json;

use crate::{
    Lambda, PACE_MS,
    fake::{KIND, LambdaCloud, REGION},
    keys::KEYS_MAX,
    settings::Settings,
};

/// More than any good answer.
const BYTES_MAX: usize = 64 << 10;
const LAUNCH: &str = "POST /api/v1/instance-operations/launch";

struct Stage {
    cloud: Rc<RefCell<Troubled<LambdaCloud>>>,
    outside: Scripted,
    settings: Settings,
}

impl Stage {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let cloud = Rc::new(RefCell::new(Troubled::new(LambdaCloud::new())));
        Self {
            outside: served(&cloud, BYTES_MAX),
            cloud,
            settings: Settings::read(&table(settings)).unwrap(),
        }
    }

    /// As of one call.
    fn adapter(&self) -> Lambda<'_> {
        Lambda::new(&self.settings, &self.outside)
    }

    fn fault(&self, request: &'static str, fault: Fault) {
        self.cloud.borrow_mut().faults.push((request, fault));
    }

    fn bought(&self) -> usize {
        self.cloud.borrow().cloud.bought
    }

    fn keys(&self) -> usize {
        self.cloud.borrow().cloud.keys.len()
    }
}

fn order(key: &str) -> Order {
    Order {
        key: key.into(),
        offer_id: format!("{REGION}/{KIND}"),
        image: None,
        ssh_public_key: HostKey::new(&[3; 32]).public + " renter@home",
        disk_mib: 1_024,
        price_micro_usd_per_hour_max: 800_000,
        ends_at: 1_795_340_000,
        labels: vec![Label {
            name: "uid".into(),
            value: "7".into(),
        }],
    }
}

#[test]
fn offers_are_what_has_capacity_and_was_chosen() {
    let offers = Stage::new().adapter().offers(&any()).unwrap();
    assert_eq!(
        (offers[0].id.as_str(), offers[0].price_micro_usd_per_hour),
        ("us-west-1/gpu_1x_a10", 750_000)
    );
    let hardware = &offers[0].hardware;
    assert_eq!(
        (hardware.gpus[0].model.as_str(), hardware.gpus[0].memory_mib),
        ("NVIDIA A10 PCIe", 24_576)
    );
    assert_eq!((hardware.cpu_threads, hardware.memory_mib), (30, 204_800));
    for setting in [("instance-types", "gpu_8x_h100"), ("regions", "us-east-1")] {
        assert_eq!(
            Stage::with(&[setting]).adapter().offers(&any()).unwrap(),
            [],
            "{setting:?}"
        );
    }
}

#[test]
fn an_order_becomes_a_machine_whose_host_key_is_known() {
    let stage = Stage::new();
    let machine = stage.adapter().provision(&order("k1")).unwrap();
    assert_eq!((machine.state, machine.ssh), (State::Starting, None));
    stage.cloud.borrow_mut().cloud.boot();
    let machine = stage.adapter().inspect(&machine.id).unwrap();
    assert_eq!(
        (machine.order_key.as_deref(), machine.state),
        (Some("k1"), State::Running)
    );
    let ssh = machine.ssh.unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.port, ssh.user.as_str()),
        ("198.51.100.2", 22, "ubuntu")
    );
    let made = HostKey::new(&[7; 32]);
    assert_eq!(ssh.host_key, Some(made.public));
    assert!(machine.labels.contains(&Label {
        name: "uid".into(),
        value: "7".into()
    }));
    let launch = stage
        .outside
        .bodies()
        .into_iter()
        .find(|body| body.contains("user_data"))
        .unwrap();
    let launch: serde_json::Value = serde_json::from_str(&launch).unwrap();
    let data = launch["user_data"]
        .as_str()
        .unwrap()
        .strip_prefix("#cloud-config\n")
        .unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["ssh_keys"]["ed25519_private"], made.private);
}

#[test]
fn the_same_key_twice_is_one_machine() {
    let stage = Stage::new();
    let first = stage.adapter().provision(&order("k1")).unwrap();
    let second = stage.adapter().provision(&order("k1")).unwrap();
    assert_eq!((first.id, stage.bought(), stage.keys()), (second.id, 1, 1));
}

#[test]
fn what_was_bought_though_no_answer_came_is_found_again() {
    for fault in [
        Fault::FailedAfter,
        Fault::Silent,
        Fault::Empty,
        Fault::CutShort,
        Fault::Huge(BYTES_MAX),
    ] {
        let stage = Stage::new();
        stage.fault(LAUNCH, fault.clone());
        let lost = stage.adapter().provision(&order("k1"));
        assert!(
            matches!(lost, Err(Failure::Upstream(_))),
            "{fault:?}: {lost:?}"
        );
        let found = stage.adapter().instances().unwrap();
        assert_eq!(found[0].order_key.as_deref(), Some("k1"));
        assert_eq!(
            stage.adapter().provision(&order("k1")).unwrap().id,
            found[0].id
        );
        assert_eq!((stage.bought(), stage.keys()), (1, 1), "{fault:?}");
    }
}

#[test]
fn nothing_is_bought_where_one_cannot_look_first() {
    for fault in [
        Fault::Silent,
        Fault::Empty,
        Fault::FailedBefore,
        Fault::TooMany(None),
    ] {
        let stage = Stage::new();
        stage.fault("GET /api/v1/instances", fault);
        assert!(stage.adapter().provision(&order("k1")).is_err());
        assert_eq!((stage.bought(), stage.keys()), (0, 0));
    }
}

#[test]
fn a_refused_order_leaves_no_key_behind() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.full = true;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::NoCapacity)
    );
    assert_eq!(stage.keys(), 0);
    stage.cloud.borrow_mut().cloud.full = false;
    stage.cloud.borrow_mut().cloud.quota = 0;
    assert!(matches!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Account(_))
    ));
    assert_eq!(stage.keys(), 0);
}

#[test]
fn the_end_of_a_machine_is_the_end_of_its_key() {
    let stage = Stage::new();
    let first = stage.adapter().provision(&order("k1")).unwrap();
    stage.adapter().provision(&order("k2")).unwrap();
    assert_eq!(stage.keys(), 2);
    assert_eq!(stage.adapter().terminate(&first.id), Ok(()));
    assert_eq!(stage.keys(), 1);
    assert_eq!(stage.adapter().terminate(&first.id), Ok(()));
    assert_eq!(stage.adapter().inspect(&first.id), Err(Failure::NotFound));
}

#[test]
fn a_key_that_stays_does_not_keep_a_machine_alive() {
    let stage = Stage::new();
    let machine = stage.adapter().provision(&order("k1")).unwrap();
    stage.fault("DELETE", Fault::FailedBefore);
    assert_eq!(stage.adapter().terminate(&machine.id), Ok(()));
    assert_eq!(stage.keys(), 1);
    assert!(stage.outside.lines.borrow()[0].contains("a key was left"));
}

#[test]
fn keys_that_crashes_left_are_tidied_away_and_no_others() {
    let stage = Stage::new();
    let alive = stage.adapter().provision(&order("alive")).unwrap();
    let mut keys = vec![json!({"id": "own", "name": "operator", "public_key": "ssh-ed25519 A"})];
    for left in 0..KEYS_MAX {
        let name = format!("compute-subnet-order-{left}");
        keys.push(
            json!({"id": format!("left{left}"), "name": name, "public_key": "ssh-ed25519 A"}),
        );
    }
    stage.cloud.borrow_mut().cloud.keys.extend(keys);
    let before = stage.keys();
    stage.adapter().provision(&order("k1")).unwrap();
    assert_eq!(stage.keys(), before + 1 - 4);
    let cloud = stage.cloud.borrow();
    assert!(cloud.cloud.keys.iter().any(|key| key["id"] == "own"));
    assert!(
        cloud.cloud.keys.iter().any(|key| key["id"] == "key1"),
        "of {}",
        alive.id
    );
}

#[test]
fn a_key_tidied_away_under_an_order_is_brought_again() {
    let stage = Stage::new();
    let gone = r#"{"error":{"code":"global/object-does-not-exist","message":"no such SSH key","suggestion":""}}"#;
    stage.fault(LAUNCH, Fault::Says(400, gone.into()));
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Busy(2_000))
    );
    assert!(stage.adapter().provision(&order("k1")).is_ok());
}

#[test]
fn a_price_that_rose_buys_nothing_and_brings_no_key() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.price_cents = 81;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::PriceRose(810_000))
    );
    assert_eq!((stage.bought(), stage.keys()), (0, 0));
}

#[test]
fn capacity_that_is_gone_is_no_capacity() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.offered = false;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::NoCapacity)
    );
    assert_eq!(stage.keys(), 0);
}

#[test]
fn requests_of_one_call_keep_lambdas_pace() {
    let stage = Stage::new();
    stage.adapter().provision(&order("k1")).unwrap();
    let requests = u64::try_from(stage.outside.sent.borrow().len()).unwrap();
    assert_eq!(requests, 5);
    assert_eq!(stage.outside.paused_ms.get(), (requests - 1) * PACE_MS);
}

#[test]
fn what_lambda_refuses_all_the_same_is_tried_again_when_it_says() {
    let stage = Stage::new();
    stage.fault(LAUNCH, Fault::TooMany(Some("12")));
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Busy(12_000))
    );
    stage.fault("GET", Fault::TooMany(None));
    assert_eq!(stage.adapter().offers(&any()), Err(Failure::Busy(10_000)));
}

#[test]
fn a_wrong_key_is_the_operators_to_mend() {
    let stage = Stage::with(&[("credential", "other")]);
    let refused = stage.adapter().offers(&any());
    assert!(matches!(refused, Err(Failure::Account(why)) if why.contains("invalid-api-key")));
}

#[test]
fn what_no_machine_could_be_is_refused_before_anything_is_sent() {
    let stage = Stage::new();
    for order in [
        Order {
            key: "ä".into(),
            ..order("")
        },
        Order {
            ssh_public_key: "no key".into(),
            ..order("k")
        },
        Order {
            image: Some("a@sha256:b".into()),
            ..order("k")
        },
    ] {
        assert!(matches!(
            stage.adapter().provision(&order),
            Err(Failure::Unsupported(_))
        ));
    }
    assert!(stage.outside.sent.borrow().is_empty());
}

#[test]
fn every_state_of_lambdas_is_one_of_ours() {
    let stage = Stage::new();
    let machine = stage.adapter().provision(&order("k1")).unwrap();
    stage.cloud.borrow_mut().cloud.boot();
    for (status, state) in [
        ("booting", State::Starting),
        ("active", State::Running),
        ("unhealthy", State::Failed),
        ("terminating", State::Stopping),
        ("terminated", State::Terminated),
        ("preempted", State::Terminated),
        ("something-new", State::Starting),
    ] {
        stage.cloud.borrow_mut().cloud.machines[0]["status"] = json!(status);
        let machine = stage.adapter().inspect(&machine.id).unwrap();
        assert_eq!(
            (machine.state, machine.ssh.is_some()),
            (state, state == State::Running)
        );
    }
}
