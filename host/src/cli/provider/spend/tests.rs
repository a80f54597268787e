//! A cloud that keeps its word, and others.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::subnet::hardware::Hardware;
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::provider::{Query, SshEndpoint};

/// What a cloud does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Buys anew at each order.
    Forgetful,
    /// Fails after it bought.
    Upstream,
    NeverRuns,
    NeverEnds,
}

struct Cloud {
    id: PluginId,
    fault: Fault,
    instances: Mutex<Vec<Instance>>,
}

impl Cloud {
    fn with(fault: Fault) -> Self {
        Self {
            id: PluginId {
                name: "fake".into(),
                version: "1.0.0".into(),
                digest: Digest([0; 32]),
                settings: Digest([0; 32]),
            },
            fault,
            instances: Mutex::default(),
        }
    }

    fn running(&self) -> usize {
        let instances = self.instances.lock().unwrap();
        let runs = |i: &&Instance| i.state != InstanceState::Terminated;
        instances.iter().filter(runs).count()
    }
}

#[async_trait]
impl ProviderAdapter for Cloud {
    fn id(&self) -> &PluginId {
        &self.id
    }

    async fn offers(&self, _: &Query) -> Result<Vec<Offer>, ProviderError> {
        Ok(vec![offer()])
    }

    async fn provision(&self, order: &Order) -> Result<Instance, ProviderError> {
        let mut instances = self.instances.lock().unwrap();
        if self.fault != Fault::Forgetful && !instances.is_empty() {
            return Ok(instances[0].clone());
        }
        let instance = Instance {
            id: format!("i-{}", instances.len()),
            order_key: Some(order.key.clone()),
            state: InstanceState::Starting,
            hardware: Hardware::default(),
            price_micro_usd_per_hour: 1,
            ssh: None,
            ends_at: Some(order.ends_at),
            labels: vec![],
        };
        instances.push(instance.clone());
        match self.fault {
            Fault::Upstream => Err(ProviderError::Upstream("502".into())),
            _ => Ok(instance),
        }
    }

    async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
        Ok(self.instances.lock().unwrap().clone())
    }

    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError> {
        let mut instances = self.instances.lock().unwrap();
        let found = instances.iter_mut().find(|i| i.id == id);
        let instance = found.ok_or(ProviderError::NotFound)?;
        if self.fault != Fault::NeverRuns {
            instance.state = InstanceState::Running;
            instance.ssh = Some(SshEndpoint {
                host: "192.0.2.1".into(),
                port: 22,
                user: "root".into(),
                host_key: None,
            });
        }
        Ok(instance.clone())
    }

    async fn extend(&self, id: &str, _: u64) -> Result<Instance, ProviderError> {
        Err(ProviderError::Unsupported(id.into()))
    }

    async fn terminate(&self, id: &str) -> Result<(), ProviderError> {
        let mut instances = self.instances.lock().unwrap();
        let found = instances.iter_mut().find(|i| i.id == id);
        if let Some(instance) = found.filter(|_| self.fault != Fault::NeverEnds) {
            instance.state = InstanceState::Terminated;
        }
        Ok(())
    }
}

fn offer() -> Offer {
    Offer {
        id: "small".into(),
        hardware: Hardware::default(),
        region: "r".into(),
        price_micro_usd_per_hour: 1,
        interruptible: false,
        labels: vec![],
    }
}

/// What is printed, whether it went well, and what is left to pay for.
async fn spent(fault: Fault) -> (String, bool, usize) {
    let plan = Plan {
        key: "check-1".into(),
        ssh_public_key: "ssh-ed25519 AAAA".into(),
        image: None,
        disk_mib: 1,
        price_max: 1,
        ends_at: 1,
        patience: Duration::ZERO,
        pause: Duration::ZERO,
    };
    let cloud = Cloud::with(fault);
    let mut out = Vec::new();
    let mut steps = Steps::new(&mut out, false);
    let went = spend(&cloud, &offer(), &plan, &mut steps).await;
    let text = String::from_utf8(out).unwrap();
    (text, went.is_ok(), cloud.running())
}

#[tokio::test]
async fn what_was_rented_runs_and_is_ended() {
    let (text, well, left) = spent(Fault::None).await;
    assert!(well, "{text}");
    assert_eq!(left, 0);
    assert!(text.contains("--end check-1"), "{text}");
    assert!(text.contains("ssh root@192.0.2.1"), "{text}");
    assert!(text.contains("1 ended, none is left"), "{text}");
}

#[tokio::test]
async fn whatever_goes_wrong_nothing_is_left_to_pay_for() {
    for (fault, said) in [
        (Fault::Forgetful, "the same key bought i-0 and i-1"),
        (Fault::Upstream, "502"),
        (Fault::NeverRuns, "it is Starting"),
    ] {
        let (text, well, left) = spent(fault).await;
        assert!(!well && left == 0, "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_ended_is_said_loudly() {
    let (text, well, left) = spent(Fault::NeverEnds).await;
    assert!(!well && left == 1);
    assert!(text.contains("END IT BY HAND"), "{text}");
}
