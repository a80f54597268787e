//! What an adapter may reach: what it was granted, in its calls, and nothing else.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use host::plugin::Outside;
use host::subnet::hardware::Hardware;
use host::subnet::provider::{ProviderError, Query, SshEndpoint};
use host::subnet::workload::{Running, Share, Workload, WorkloadError, WorkloadStatus, Workloads};

use super::support::{Cloud, NAME, Node, ORIGIN, granting, order};

/// Says yes to everything, and remembers who asked.
#[derive(Default)]
struct Machine(Mutex<Vec<String>>);

impl Machine {
    fn heard(&self, what: &str, owner: &str) {
        self.0.lock().unwrap().push(format!("{what} by {owner}"));
    }
}

fn running(name: &str) -> Running {
    Running {
        name: name.into(),
        image: "an-image".into(),
        status: WorkloadStatus::Running,
        share: Share::default(),
        ends_at: 2,
        ssh: Some(SshEndpoint {
            host: "192.0.2.1".into(),
            port: 22,
            user: "root".into(),
            host_key: Some("ssh-ed25519 BBBB".into()),
        }),
        labels: vec![],
    }
}

#[async_trait]
impl Workloads for Machine {
    async fn inventory(&self) -> Result<Hardware, WorkloadError> {
        Ok(Hardware::default())
    }

    async fn free(&self) -> Result<Share, WorkloadError> {
        Err(WorkloadError::Failed("the engine is away".into()))
    }

    async fn images(&self) -> Result<Vec<String>, WorkloadError> {
        Ok(vec!["an-image".into()])
    }

    async fn launch(&self, owner: &str, workload: Workload) -> Result<Running, WorkloadError> {
        self.heard("launch", owner);
        Ok(running(&workload.name))
    }

    async fn list(&self, owner: &str) -> Result<Vec<Running>, WorkloadError> {
        self.heard("list", owner);
        Ok(vec![running("a-workload")])
    }

    async fn extend(&self, owner: &str, name: &str, _: u64) -> Result<Running, WorkloadError> {
        self.heard("extend", owner);
        Ok(running(name))
    }

    async fn stop(&self, owner: &str, _: &str) -> Result<(), WorkloadError> {
        self.heard("stop", owner);
        Ok(())
    }
}

/// What the fixture was told by each function of the machine.
async fn told(outside: Outside, settings: &[(&str, &str)]) -> Result<Vec<String>, ProviderError> {
    let node = Node::with(settings, outside);
    let offers = node.adapter().offers(&Query::default()).await?;
    let labels = offers[0].labels.iter();
    Ok(labels.map(|l| format!("{}: {}", l.name, l.value)).collect())
}

#[tokio::test]
async fn the_machine_answers_an_adapter_under_its_own_name() {
    let machine = Arc::new(Machine::default());
    let cloud = Arc::new(Cloud::default());
    let outside = Outside {
        workloads: Some(machine.clone()),
        ..granting(&cloud)
    };
    let told = told(outside, &[("mode", "machine")]).await.unwrap();
    assert!(told[0].starts_with("inventory: Ok("), "{told:?}");
    assert!(told[1].contains("the engine is away"), "{told:?}");
    assert!(told[3].contains("ssh-ed25519 BBBB"), "{told:?}");
    let heard = machine.0.lock().unwrap().clone();
    let expected = ["launch", "list", "extend", "stop"].map(|what| format!("{what} by {NAME}"));
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_machine_that_is_not_there_is_not_granted() {
    let cloud = Arc::new(Cloud::default());
    let told = told(granting(&cloud), &[("mode", "machine")])
        .await
        .unwrap();
    assert_eq!(told.len(), 7);
    assert!(
        told.iter().all(|line| line.contains("NotGranted")),
        "{told:?}"
    );
}

#[tokio::test]
async fn without_egress_every_request_is_denied() {
    let probes = format!(r#"[{{"url": "{ORIGIN}/offers"}}]"#);
    let told = told(Outside::default(), &[("probes", &probes)])
        .await
        .unwrap();
    assert!(told[0].contains("Denied"), "{told:?}");
}

#[tokio::test]
async fn an_adapter_sees_no_variable_no_argument_and_no_file() {
    let node = Node::with(&[("probes", "[]")], Outside::default());
    let offers = node.adapter().offers(&Query::default()).await.unwrap();
    let told: String = offers[0].labels.iter().map(|l| &*l.value).collect();
    assert!(told.contains("variables [] arguments []"), "{told}");
    assert!(told.contains("files Err"), "{told}");
}

#[tokio::test]
async fn what_an_adapter_takes_from_a_cloud_and_hands_over_is_on_its_record() {
    let padding = "x".repeat(10_000);
    let refused = serde_json::json!({ "Err": { "Unsupported": padding } });
    let cloud = Cloud::answering("/provision", refused);
    let node = Node::before(&cloud);
    let mut long = order();
    long.key = "k".repeat(200);
    node.adapter().provision(&long).await.unwrap_err();
    let used = node.registry.inspect(NAME).unwrap().used;
    let [taken, handed_over] = [used.taken_bytes.last, used.handed_over_bytes.last];
    assert!(taken > 10_000, "{taken}");
    assert!(handed_over >= 200, "{handed_over}");
}
