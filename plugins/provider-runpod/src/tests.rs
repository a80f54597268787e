//! The adapter against a Runpod of one's own, and everything that it does wrong.
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

use crate::{Runpod, fake, fake::GPU, settings::Settings};

/// More than any good answer.
const BYTES_MAX: usize = 64 << 10;

struct Stage {
    cloud: Rc<RefCell<Troubled<fake::Runpod>>>,
    outside: Scripted,
    settings: Settings,
}

impl Stage {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let cloud = Rc::new(RefCell::new(Troubled::new(fake::Runpod::new())));
        Self {
            outside: served(&cloud, BYTES_MAX),
            cloud,
            settings: Settings::read(&table(settings)).unwrap(),
        }
    }

    fn adapter(&self) -> Runpod<'_> {
        Runpod::new(&self.settings, &self.outside)
    }

    fn fault(&self, request: &'static str, fault: Fault) {
        self.cloud.borrow_mut().faults.push((request, fault));
    }

    fn bought(&self) -> usize {
        self.cloud.borrow().cloud.bought
    }
}

fn order(key: &str) -> Order {
    Order {
        key: key.into(),
        offer_id: format!("{GPU}/1/{}", fake::PLACE),
        image: None,
        ssh_public_key: HostKey::new(&[3; 32]).public + " renter@home",
        disk_mib: 1_024,
        price_micro_usd_per_hour_max: 500_000,
        ends_at: 1_795_340_000,
        labels: vec![Label {
            name: "uid".into(),
            value: "7".into(),
        }],
    }
}

#[test]
fn offers_have_a_price_a_place_and_what_a_pod_gets_at_least() {
    let stage = Stage::with(&[("gpu-counts", "1,2")]);
    let offers = stage.adapter().offers(&any()).unwrap();
    let ids: Vec<_> = offers.iter().map(|offer| offer.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "NVIDIA GeForce RTX 4090/1/US-KS-2",
            "NVIDIA GeForce RTX 4090/2/US-KS-2"
        ]
    );
    assert_eq!(offers[1].price_micro_usd_per_hour, 880_000 + 6_850);
    let hardware = &offers[1].hardware;
    assert_eq!(
        (hardware.gpus[0].count, hardware.gpus[0].memory_mib),
        (2, 24_576)
    );
    assert_eq!(
        (hardware.cpu_threads, hardware.memory_mib, hardware.disk_mib),
        (8, 32_768, 51_200)
    );
}

#[test]
fn what_is_out_of_stock_or_not_chosen_is_no_offer() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.stock = "NONE";
    assert_eq!(stage.adapter().offers(&any()).unwrap(), []);
    for setting in [
        ("gpu-types", "NVIDIA H100"),
        ("data-centers", "EU-RO-1"),
        ("gpu-counts", "16"),
    ] {
        assert_eq!(
            Stage::with(&[setting]).adapter().offers(&any()).unwrap(),
            [],
            "{setting:?}"
        );
    }
}

#[test]
fn an_order_becomes_a_pod_that_can_be_logged_in_to() {
    let stage = Stage::new();
    let adapter = stage.adapter();
    let pod = adapter.provision(&order("k1")).unwrap();
    assert_eq!(
        (pod.state, pod.ssh, pod.ends_at),
        (State::Starting, None, None)
    );
    stage.cloud.borrow_mut().cloud.boot();
    let pod = adapter.inspect(&pod.id).unwrap();
    assert_eq!(pod.order_key.as_deref(), Some("k1"));
    assert_eq!(pod.state, State::Running);
    let ssh = pod.ssh.unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.port, ssh.user.as_str()),
        ("195.26.233.3", 34_446, "root")
    );
    assert_eq!(pod.hardware.gpus[0].memory_mib, 24_576);
    assert_eq!(
        (pod.hardware.cpu_threads, pod.hardware.memory_mib),
        (8, 31 * 1_024)
    );
    assert!(pod.hardware.disk_mib >= 51_200);
    assert!(pod.labels.contains(&Label {
        name: "uid".into(),
        value: "7".into()
    }));
    let bought = &stage.cloud.borrow().cloud.pods[0];
    assert_eq!(bought["env"]["PUBLIC_KEY"], HostKey::new(&[3; 32]).public);
}

#[test]
fn the_same_key_twice_is_one_pod() {
    let stage = Stage::new();
    let first = stage.adapter().provision(&order("k1")).unwrap();
    let second = stage.adapter().provision(&order("k1")).unwrap();
    assert_eq!((first.id, stage.bought()), (second.id, 1));
    stage.adapter().provision(&order("k2")).unwrap();
    assert_eq!(stage.bought(), 2);
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
        stage.fault("POST /v2/pods", fault.clone());
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
        assert_eq!(stage.bought(), 1, "{fault:?}");
    }
}

#[test]
fn failing_before_the_effect_looks_the_same_and_nothing_was_bought() {
    let stage = Stage::new();
    stage.fault("POST /v2/pods", Fault::FailedBefore);
    assert!(matches!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Upstream(_))
    ));
    assert_eq!(stage.bought(), 0);
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
        stage.fault("GET /v2/pods", fault);
        assert!(stage.adapter().provision(&order("k1")).is_err());
        assert_eq!(stage.bought(), 0);
    }
}

#[test]
fn too_many_requests_are_tried_again_when_runpod_says() {
    let stage = Stage::new();
    stage.fault("POST /v2/pods", Fault::TooMany(Some("12")));
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Busy(12_000))
    );
    stage.fault("GET /v2/catalog", Fault::TooMany(None));
    assert_eq!(stage.adapter().offers(&any()), Err(Failure::Busy(10_000)));
}

#[test]
fn no_capacity_no_money_and_no_permission_are_told_apart() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.full = true;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::NoCapacity)
    );
    assert!(stage.outside.lines.borrow()[0].contains("no longer any instances"));
    stage.cloud.borrow_mut().cloud.funded = false;
    let broke = stage.adapter().provision(&order("k1"));
    assert!(matches!(broke, Err(Failure::Account(why)) if why.contains("insufficient balance")));
    stage.fault("POST /v2/pods", Fault::Says(403, "access denied".into()));
    assert!(matches!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Account(_))
    ));
    let stranger = Stage::with(&[("credential", "other")]);
    assert!(matches!(
        stranger.adapter().offers(&any()),
        Err(Failure::Account(_))
    ));
}

#[test]
fn an_offer_that_is_gone_is_no_capacity_and_one_that_never_was_is_unsupported() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.stock = "NONE";
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::NoCapacity)
    );
    let strange = Order {
        offer_id: "x".into(),
        ..order("k1")
    };
    assert!(matches!(
        stage.adapter().provision(&strange),
        Err(Failure::Unsupported(_))
    ));
}

#[test]
fn a_price_that_rose_before_the_order_buys_nothing() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.price = 0.6;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::PriceRose(606_850))
    );
    assert_eq!(stage.bought(), 0);
}

#[test]
fn a_price_that_rose_with_the_order_ends_the_pod() {
    let stage = Stage::new();
    stage.cloud.borrow_mut().cloud.cost = 0.6;
    assert_eq!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::PriceRose(606_850))
    );
    assert_eq!(
        (stage.bought(), stage.cloud.borrow().cloud.pods.len()),
        (1, 0)
    );
    stage.fault("DELETE", Fault::FailedBefore);
    assert!(matches!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Upstream(_))
    ));
    assert_eq!(stage.cloud.borrow().cloud.pods.len(), 1);
}

#[test]
fn ending_what_is_gone_succeeds_and_inspecting_it_does_not() {
    let stage = Stage::new();
    let pod = stage.adapter().provision(&order("k1")).unwrap();
    assert_eq!(stage.adapter().terminate(&pod.id), Ok(()));
    assert_eq!(stage.adapter().terminate(&pod.id), Ok(()));
    assert_eq!(stage.adapter().inspect(&pod.id), Err(Failure::NotFound));
}

#[test]
fn an_end_that_nobody_confirmed_is_unknown() {
    let stage = Stage::new();
    let pod = stage.adapter().provision(&order("k1")).unwrap();
    stage.fault("DELETE", Fault::Silent);
    assert!(matches!(
        stage.adapter().terminate(&pod.id),
        Err(Failure::Upstream(_))
    ));
}

#[test]
fn somebody_elses_pod_has_no_order_and_hides_nothing() {
    let stage = Stage::new();
    stage.adapter().provision(&order("k1")).unwrap();
    let mut other = stage.cloud.borrow().cloud.pods[0].clone();
    other["id"] = "other".into();
    other["name"] = "training".into();
    other["env"] = serde_json::json!({});
    other["status"] = "SOMETHING_NEW".into();
    other.as_object_mut().unwrap().remove("gpu");
    other["cpu"] = serde_json::json!({"id": "cpu5c", "vcpuCount": 4, "memory": 8});
    stage.cloud.borrow_mut().cloud.pods.push(other);
    let pods = stage.adapter().instances().unwrap();
    assert_eq!(pods.len(), 2);
    assert_eq!(
        (pods[1].order_key.clone(), pods[1].state),
        (None, State::Starting)
    );
    assert_eq!(pods[1].hardware.memory_mib, 8_192);
}

#[test]
fn what_no_pod_could_keep_is_refused_before_anything_is_sent() {
    let stage = Stage::new();
    for order in [
        Order {
            key: String::new(),
            ..order("")
        },
        Order {
            key: "a\nb".into(),
            ..order("")
        },
        Order {
            ssh_public_key: "no key".into(),
            ..order("k")
        },
        Order {
            disk_mib: 999_999_999,
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
fn a_request_that_runpod_finds_invalid_is_ours_to_mend() {
    let stage = Stage::new();
    stage.fault(
        "POST /v2/pods",
        Fault::Says(422, r#"{"detail":"Request validation failed."}"#.into()),
    );
    assert!(matches!(
        stage.adapter().provision(&order("k1")),
        Err(Failure::Unsupported(_))
    ));
}
