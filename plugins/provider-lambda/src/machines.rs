//! Machines: found again, inspected, ended.

use provider_kit::{Failure, Instance, Label, ORDER_TAG, SshEndpoint, State, text::percent};
use serde::{Deserialize, Serialize};

use crate::{
    Lambda,
    catalog::{InstanceType, Region},
    launch::{HOST_KEY_TAG, LABEL_PREFIX},
};

const SSH_PORT: u16 = 22;

/// `TagEntry`
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What is read of `Instance`.
#[derive(Deserialize)]
pub(crate) struct Machine {
    id: String,
    status: String,
    ip: Option<String>,
    #[serde(default)]
    pub(crate) ssh_key_names: Vec<String>,
    region: Option<Region>,
    instance_type: InstanceType,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
struct Terminate<'a> {
    instance_ids: [&'a str; 1],
}

#[derive(Deserialize)]
struct Terminated {
    #[serde(default)]
    terminated_instances: Vec<Machine>,
}

impl Machine {
    fn tag(&self, key: &str) -> Option<&String> {
        let mut tags = self.tags.iter();
        tags.find(|tag| tag.key == key).map(|tag| &tag.value)
    }

    pub(crate) fn order_key(&self) -> Option<&String> {
        self.tag(ORDER_TAG)
    }
}

impl Lambda<'_> {
    pub(crate) fn machines(&self) -> Result<Vec<Machine>, Failure> {
        self.get("/instances")
    }

    pub(crate) fn instances(&self) -> Result<Vec<Instance>, Failure> {
        Ok(self
            .machines()?
            .iter()
            .map(|machine| self.instance(machine))
            .collect())
    }

    pub(crate) fn inspect(&self, id: &str) -> Result<Instance, Failure> {
        let machine: Machine = self.get(&format!("/instances/{}", percent(id)))?;
        Ok(self.instance(&machine))
    }

    pub(crate) fn terminate(&self, id: &str) -> Result<(), Failure> {
        let request = Terminate { instance_ids: [id] };
        let ended: Terminated = match self.post("/instance-operations/terminate", &request) {
            Err(Failure::NotFound) => return Ok(()),
            other => other?,
        };
        let keys = ended
            .terminated_instances
            .into_iter()
            .flat_map(|machine| machine.ssh_key_names);
        self.remove_keys(&keys.collect::<Vec<_>>());
        Ok(())
    }

    pub(crate) fn instance(&self, machine: &Machine) -> Instance {
        let reachable = machine.ip.as_ref().filter(|ip| !ip.is_empty());
        let state = state(&machine.status, reachable.is_some());
        let ssh = reachable.map(|ip| SshEndpoint {
            host: ip.clone(),
            port: SSH_PORT,
            user: self.settings.login.clone(),
            host_key: machine.tag(HOST_KEY_TAG).cloned(),
        });
        let labels = machine.tags.iter().filter_map(|tag| {
            let name = tag.key.strip_prefix(LABEL_PREFIX)?.to_owned();
            Some(Label {
                name,
                value: tag.value.clone(),
            })
        });
        let region = machine.region.iter().map(|region| Label {
            name: "region".to_owned(),
            value: region.name.clone(),
        });
        Instance {
            id: machine.id.clone(),
            order_key: machine.order_key().cloned(),
            state,
            hardware: machine.instance_type.hardware(),
            price_micro_usd_per_hour: machine.instance_type.price(),
            ssh: ssh.filter(|_| state == State::Running),
            ends_at: None,
            labels: labels.chain(region).collect(),
        }
    }
}

/// A state that this adapter has never heard of is one that is paid for.
fn state(status: &str, reachable: bool) -> State {
    match status {
        "active" if reachable => State::Running,
        "unhealthy" => State::Failed,
        "terminating" => State::Stopping,
        "terminated" | "preempted" => State::Terminated,
        _ => State::Starting,
    }
}
