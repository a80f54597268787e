//! EC2, as moto has it: a server from PyPI that many test their use of AWS with.
//!
//! moto keeps client tokens and makes nothing of them, so that what holds two
//! orders of one key to one machine here is the tag alone.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host::plugin::builtin;
use host::subnet::provider::{InstanceState, ProviderAdapter, ProviderError, Query};

use super::cloud::{Answer, Asked, Cloud};
use super::moto::{Moto, ask};
use super::support::{RENTER, Server, order};

const SECRET: &str = "AKIAIOSFODNN7TESTKEY:wJalrXUtnFEMIK7MDENGbPxRfiCYTESTKEY1234";
const OFFER: &str = "us-east-1/g5.xlarge/on-demand";

/// A door before moto that may lose an answer.
struct Door {
    address: String,
    /// The answer to the next request of this action is lost.
    lose: Option<&'static str>,
    /// The first words of every signature.
    signed: Vec<String>,
}

impl Cloud for Door {
    fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        let authorization = asked.authorization.unwrap_or_default();
        self.signed.push(
            authorization
                .split(',')
                .next()
                .unwrap_or_default()
                .to_owned(),
        );
        let (status, body) = ask(&self.address, authorization, asked.body);
        let action = |action: &&str| {
            asked
                .body
                .starts_with(format!("Action={action}&").as_bytes())
        };
        if self.lose.take_if(|lose| action(lose)).is_some() {
            return Answer {
                status: 502,
                headers: vec![],
                body: b"bad gateway".to_vec(),
            };
        }
        Answer {
            status,
            headers: vec![],
            body,
        }
    }
}

struct Stage {
    server: Server<Door>,
    adapter: Arc<dyn ProviderAdapter>,
    moto: Moto,
}

impl Stage {
    fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let moto = Moto::start()?;
        let server = Server::start(Door {
            address: moto.address.clone(),
            lose: None,
            signed: Vec::new(),
        });
        let mut table = vec![
            // A busy machine is no reason to fail.
            ("timeout-ms", "60000"),
            ("instance-types", "g5.xlarge, nope.large, p3.2xlarge"),
            ("prices.us-east-1.g5.xlarge", "1006000"),
            ("prices.us-east-1.p3.2xlarge", "3060000"),
        ];
        table.extend(settings);
        let adapter = server.adapter(&builtin::provider_aws(), "sigv4", SECRET, &table);
        Some(Self {
            server,
            adapter,
            moto,
        })
    }

    /// What moto says itself.
    fn moto(&self, query: &str) -> String {
        self.moto.says(query)
    }

    fn machines(&self) -> usize {
        self.moto("Action=DescribeInstances")
            .matches("<instanceId>")
            .count()
    }
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap().1;
    rest.split_once(after).unwrap().0
}

#[tokio::test]
async fn a_machine_is_offered_ordered_inspected_extended_and_ended() {
    let Some(stage) = Stage::start(&[]) else {
        return;
    };
    let adapter = &stage.adapter;
    let offers = adapter.offers(&Query::default()).await.unwrap();
    // There is no nope.large, and p3 is not built on Nitro.
    assert_eq!(offers.len(), 1);
    assert_eq!(
        (&*offers[0].id, offers[0].price_micro_usd_per_hour),
        (OFFER, 1_022_000)
    );
    assert_eq!(offers[0].hardware.gpus[0].model, "NVIDIA A10G");

    let order = order("k1", OFFER, 1_022_000);
    let machine = adapter.provision(&order).await.unwrap();
    assert_eq!(machine.ends_at, Some(1_900_000_000));
    let again = adapter.provision(&order).await.unwrap();
    assert_eq!((again.id, stage.machines()), (machine.id.clone(), 1));

    let machine = adapter.inspect(&machine.id).await.unwrap();
    assert_eq!(
        (machine.state, machine.order_key.as_deref()),
        (InstanceState::Running, Some("k1"))
    );
    assert_eq!(machine.hardware.gpus, offers[0].hardware.gpus);
    assert_eq!(machine.hardware.memory_mib, offers[0].hardware.memory_mib);
    let ssh = machine.ssh.unwrap();
    assert!(ssh.host_key.unwrap().starts_with("ssh-ed25519 AAAA"));
    assert_eq!((ssh.port, &*ssh.user), (22, "ubuntu"));

    let extended = adapter.extend(&machine.id, 1_900_003_600).await.unwrap();
    assert_eq!(extended.ends_at, Some(1_900_003_600));
    assert_eq!(
        adapter.inspect(&machine.id).await.unwrap().ends_at,
        Some(1_900_003_600)
    );

    adapter.terminate(&machine.id).await.unwrap();
    adapter.terminate(&machine.id).await.unwrap();
    assert_eq!(
        adapter.inspect(&machine.id).await.unwrap().state,
        InstanceState::Terminated
    );
    let nobody = adapter.inspect("us-east-1/i-0123456789abcdef0").await;
    assert_eq!(nobody, Err(ProviderError::NotFound));
}

#[tokio::test]
async fn a_machine_terminates_when_it_shuts_down_and_knows_its_renter() {
    let Some(stage) = Stage::start(&[]) else {
        return;
    };
    let machine = stage
        .adapter
        .provision(&order("k1", OFFER, 1_022_000))
        .await
        .unwrap();
    let id = machine.id.split_once('/').unwrap().1;
    let attribute = |name: &str| {
        stage.moto(&format!(
            "Action=DescribeInstanceAttribute&InstanceId={id}&Attribute={name}"
        ))
    };
    assert!(attribute("instanceInitiatedShutdownBehavior").contains("<value>terminate</value>"));
    let data = attribute("userData");
    let data = BASE64_STANDARD
        .decode(between(&data, "<value>", "</value>"))
        .unwrap();
    let data = String::from_utf8(data).unwrap();
    let (key, _) = RENTER.rsplit_once(' ').unwrap();
    assert!(
        data.starts_with("#cloud-config\n") && data.contains(key) && data.contains("1900000000")
    );

    let groups = stage.moto(
        "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=compute-subnet",
    );
    assert_eq!(between(&groups, "<fromPort>", "</fromPort>"), "22");
    stage
        .adapter
        .provision(&order("k2", OFFER, 1_022_000))
        .await
        .unwrap();
    let groups = stage.moto(
        "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=compute-subnet",
    );
    assert_eq!(
        groups
            .matches("<groupName>compute-subnet</groupName>")
            .count(),
        1
    );
    assert!(!stage.moto("Action=DescribeKeyPairs").contains("<keyName>"));
    let signed = stage.server.cloud.lock().unwrap().cloud.signed.clone();
    let by_us = |first: &String| {
        first.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7TESTKEY/")
            && first.ends_with("/us-east-1/ec2/aws4_request")
    };
    assert!(signed.iter().all(by_us), "{signed:?}");
}

#[tokio::test]
async fn a_machine_whose_order_was_never_answered_is_found_by_its_tag() {
    let Some(stage) = Stage::start(&[]) else {
        return;
    };
    let order = order("k1", OFFER, 1_022_000);
    stage.server.cloud.lock().unwrap().cloud.lose = Some("RunInstances");
    let lost = stage.adapter.provision(&order).await.unwrap_err();
    assert!(lost.effect_unknown(), "{lost}");
    let found = stage.adapter.instances().await.unwrap();
    assert_eq!(
        (found.len(), found[0].order_key.as_deref()),
        (1, Some("k1"))
    );
    assert_eq!(
        stage.adapter.provision(&order).await.unwrap().id,
        found[0].id
    );
    assert_eq!(stage.machines(), 1);
}

#[tokio::test]
async fn a_spot_machine_is_ordered_by_zone() {
    let Some(stage) = Stage::start(&[("market", "spot")]) else {
        return;
    };
    let offers = stage.adapter.offers(&Query::default()).await.unwrap();
    assert!(offers.len() > 1 && offers.iter().all(|offer| offer.interruptible));
    let offer = &offers[0];
    let machine = stage
        .adapter
        .provision(&order("k1", &offer.id, offer.price_micro_usd_per_hour))
        .await
        .unwrap();
    assert_eq!(machine.order_key.as_deref(), Some("k1"));
    let zone = offer.id.rsplit_once('/').unwrap().1;
    assert!(
        stage
            .moto("Action=DescribeInstances")
            .contains(&format!("<availabilityZone>{zone}<"))
    );
}

#[tokio::test]
async fn somebody_elses_machine_is_none_of_ours() {
    let Some(stage) = Stage::start(&[]) else {
        return;
    };
    stage.moto(
        "Action=RunInstances&ImageId=ami-12c6146b&InstanceType=t3.micro&MinCount=1&MaxCount=1",
    );
    assert_eq!(stage.machines(), 1);
    assert!(stage.adapter.instances().await.unwrap().is_empty());
}
