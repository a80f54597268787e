//! Machines that are there: what their tags say, how they are extended and ended.

use provider_kit::{Failure, Label, State};

use super::Stage;

/// A machine as `DescribeInstances` gives it.
fn described(state: &str, tags: &[(&str, &str)]) -> String {
    let tags: String = tags
        .iter()
        .map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"))
        .collect();
    format!(
        "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><ipAddress>198.51.100.2</ipAddress>\
         <instanceState><name>{state}</name></instanceState><tagSet>{tags}</tagSet></item></instancesSet></item></reservationSet></R>"
    )
}

#[test]
fn a_machine_is_what_its_tags_say() {
    let stage = Stage::new();
    let tags = [
        ("compute-subnet-order", "k1"),
        ("compute-subnet-ends-at", "99"),
        ("compute-subnet-price", "1022000"),
        ("compute-subnet-size", "4/16384/102400"),
        ("compute-subnet-gpu", "1/22888/NVIDIA A10G"),
        ("compute-subnet-host-key", "ssh-ed25519 AAAA"),
        ("compute-subnet-label.uid", "7"),
    ];
    stage.answers("DescribeInstances", 200, &described("running", &tags));
    let machine = stage.adapter().inspect("us-east-1/i-1").unwrap();
    assert_eq!(
        (
            machine.state,
            machine.ends_at,
            machine.price_micro_usd_per_hour
        ),
        (State::Running, Some(99), 1_022_000)
    );
    assert_eq!(machine.hardware.gpus[0].model, "NVIDIA A10G");
    assert_eq!(
        (machine.hardware.cpu_threads, machine.hardware.disk_mib),
        (4, 102_400)
    );
    let ssh = machine.ssh.unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.host_key.as_deref()),
        ("198.51.100.2", Some("ssh-ed25519 AAAA"))
    );
    assert_eq!(
        machine.labels,
        [Label {
            name: "uid".into(),
            value: "7".into()
        }]
    );
    let nonsense = [
        ("compute-subnet-size", "4/x"),
        ("compute-subnet-gpu", "one"),
        ("compute-subnet-price", "-"),
    ];
    stage.answers("DescribeInstances", 200, &described("stopped", &nonsense));
    let machine = stage.adapter().inspect("us-east-1/i-1").unwrap();
    assert_eq!(
        (machine.state, machine.ssh, machine.price_micro_usd_per_hour),
        (State::Failed, None, 0)
    );
}

#[test]
fn an_end_is_moved_by_its_tag() {
    let stage = Stage::new();
    let tags = [
        ("compute-subnet-order", "k1"),
        ("compute-subnet-ends-at", "99"),
    ];
    stage.answers("DescribeInstances", 200, &described("running", &tags));
    assert_eq!(
        stage
            .adapter()
            .extend("us-east-1/i-1", 500)
            .unwrap()
            .ends_at,
        Some(500)
    );
    let sent = &stage.sent("CreateTags")[0];
    assert_eq!(
        (sent["ResourceId.1"].as_str(), sent["Tag.1.Value"].as_str()),
        ("i-1", "500")
    );
    stage.answers("DescribeInstances", 200, &described("terminated", &tags));
    assert_eq!(
        stage.adapter().extend("us-east-1/i-1", 500),
        Err(Failure::NotFound)
    );
    stage.answers("DescribeInstances", 200, &described("running", &[]));
    assert!(matches!(
        stage.adapter().extend("us-east-1/i-1", 500),
        Err(Failure::Unsupported(_))
    ));
    assert_eq!(stage.sent("CreateTags").len(), 1);
}

#[test]
fn ending_what_is_gone_succeeds_and_inspecting_it_does_not() {
    let stage = Stage::new();
    assert_eq!(stage.adapter().terminate("us-east-1/i-1"), Ok(()));
    stage.refuses("TerminateInstances", 400, "InvalidInstanceID.NotFound");
    assert_eq!(stage.adapter().terminate("us-east-1/i-1"), Ok(()));
    stage.refuses("DescribeInstances", 400, "InvalidInstanceID.NotFound");
    assert_eq!(
        stage.adapter().inspect("us-east-1/i-1"),
        Err(Failure::NotFound)
    );
    stage.refuses("TerminateInstances", 500, "InternalError");
    assert!(matches!(
        stage.adapter().terminate("us-east-1/i-1"),
        Err(Failure::Upstream(_))
    ));
}

#[test]
fn a_refusal_to_end_what_is_gone_is_no_failure() {
    let stage = Stage::new();
    stage.refuses(
        "TerminateInstances",
        400,
        "InvalidNetworkInterfaceID.NotFound",
    );
    let refused = stage.adapter().terminate("us-east-1/i-1");
    assert!(matches!(refused, Err(Failure::Unsupported(_))));
    stage.answers("DescribeInstances", 200, &described("terminated", &[]));
    assert_eq!(stage.adapter().terminate("us-east-1/i-1"), Ok(()));
}

#[test]
fn an_id_that_is_none_reaches_nobody() {
    let stage = Stage::new();
    for id in [
        "",
        "i-1",
        "/i-1",
        "evil.example/#/i-1",
        "us-east-1/",
        "us-east-1/i-1/x",
        "us-east-1/i 1",
    ] {
        assert_eq!(stage.adapter().inspect(id), Err(Failure::NotFound), "{id}");
        assert_eq!(stage.adapter().terminate(id), Ok(()), "{id}");
    }
    assert!(stage.outside.sent.borrow().is_empty());
}

#[test]
fn pages_are_followed_and_not_for_ever() {
    let stage = Stage::new();
    let page = described("running", &[]).replace("</R>", "<nextToken>more</nextToken></R>");
    stage.answers("DescribeInstances", 200, &page);
    assert!(matches!(
        stage.adapter().instances(),
        Err(Failure::Unsupported(_))
    ));
    let sent = stage.sent("DescribeInstances");
    assert_eq!((sent.len(), sent[1]["NextToken"].as_str()), (8, "more"));
}
