//! Pods: ordered, found again, inspected, ended.

use std::collections::BTreeMap;

use provider_kit::{
    Failure, Gpu, Hardware, Instance, Label, Level, MIB_PER_GIB, ORDER_TAG, Order, Response,
    SshEndpoint, State, api::read, check_order_key, labels, money, ssh, text::percent, text::said,
};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{Runpod, catalog::Choice};

/// Where a pod keeps the key of its order.
const ORDER_VARIABLE: &str = "COMPUTE_SUBNET_ORDER";
/// The memory of one card, which only the catalogue says.
const GPU_MEMORY_VARIABLE: &str = "COMPUTE_SUBNET_GPU_MEMORY_MIB";
/// Before the names of labels, which are variables of the pod.
const LABEL_PREFIX: &str = "COMPUTE_SUBNET_LABEL_";
const LABEL_BYTES_MAX: usize = 256;
/// Bytes in a mebibyte, and in the gigabyte that Runpod counts disk in.
const MIB_BYTES: u64 = 1 << 20;
const GB_BYTES: u64 = 1_000_000_000;

/// A container's variables.
type Environment = BTreeMap<String, String>;

/// `CreatePodRequest`
#[derive(Serialize)]
struct Create<'a> {
    name: String,
    image: &'a str,
    cloud: &'static str,
    gpu: CreateGpu<'a>,
    disk: u64,
    ports: [&'static str; 1],
    env: Environment,
    #[serde(rename = "dataCenterIds", skip_serializing_if = "Vec::is_empty")]
    data_center_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct CreateGpu<'a> {
    id: &'a str,
    count: u32,
    #[serde(rename = "minRamPerGpu")]
    min_ram_per_gpu: u32,
    #[serde(rename = "minVcpuCountPerGpu")]
    min_vcpu_count_per_gpu: u32,
}

#[derive(Deserialize)]
struct Pods {
    pods: Vec<Pod>,
}

/// What is read of `Pod`.
#[derive(Deserialize)]
struct Pod {
    id: String,
    name: String,
    status: String,
    cost: Number,
    #[serde(default)]
    disk: u64,
    #[serde(default)]
    env: Environment,
    gpu: Option<PodGpu>,
    cpu: Option<PodCpu>,
    ssh: Option<PodSsh>,
    #[serde(default, rename = "dataCenterId")]
    data_center_id: Option<String>,
}

#[derive(Deserialize)]
struct PodGpu {
    id: String,
    #[serde(default = "one")]
    count: u32,
    #[serde(default, rename = "vcpuCount")]
    vcpu_count: f64,
    #[serde(default)]
    memory: f64,
}

#[derive(Deserialize)]
struct PodCpu {
    #[serde(default, rename = "vcpuCount")]
    vcpu_count: f64,
    #[serde(default)]
    memory: f64,
}

#[derive(Deserialize)]
struct PodSsh {
    direct: Option<Direct>,
}

#[derive(Deserialize)]
struct Direct {
    host: String,
    port: u16,
    username: Option<String>,
}

fn one() -> u32 {
    1
}

impl Runpod<'_> {
    /// Looks for the order's pod; buys one only if there is none.
    pub(crate) fn provision(&self, order: &Order) -> Result<Instance, Failure> {
        check_order_key(&order.key)?;
        let key = ssh::public_key(&order.ssh_public_key).map_err(Failure::Unsupported)?;
        let disk_mib = self.settings.disk_gib * MIB_PER_GIB;
        if order.disk_mib > disk_mib {
            return Err(Failure::Unsupported(format!(
                "a disk of {} MiB; this adapter's setting disk-gib offers {disk_mib} MiB",
                order.disk_mib
            )));
        }
        if let Some(pod) = self.ordered(&order.key)? {
            return Ok(pod);
        }
        let Some(choice) = Choice::read(&order.offer_id) else {
            return Err(Failure::Unsupported(format!(
                "no offer {:?} of this adapter",
                said(&order.offer_id)
            )));
        };
        let offer = self.offer(&choice)?.ok_or(Failure::NoCapacity)?;
        if offer.price_micro_usd_per_hour > order.price_micro_usd_per_hour_max {
            return Err(Failure::PriceRose(offer.price_micro_usd_per_hour));
        }
        let gpu_memory_mib = offer.hardware.gpus.first().map_or(0, |gpu| gpu.memory_mib);
        let env = self.environment(order, key, gpu_memory_mib);
        self.create(order, &self.request(order, &choice, env))
    }

    fn create(&self, order: &Order, request: &Create<'_>) -> Result<Instance, Failure> {
        let response = self.api().post("/v2/pods", request)?;
        match response.status {
            200 | 201 => {}
            400 => {
                let words = said(&String::from_utf8_lossy(&response.body));
                self.outside
                    .log(Level::Warn, &format!("Runpod placed no pod: {words}"));
                return Err(Failure::NoCapacity);
            }
            _ => return Err(self.refused(&response)),
        }
        let pod = self.instance(read(&response)?)?;
        if pod.price_micro_usd_per_hour <= order.price_micro_usd_per_hour_max {
            return Ok(pod);
        }
        // Bought, and dearer than the catalogue said a moment ago.
        match self.terminate(&pod.id) {
            Ok(()) => Err(Failure::PriceRose(pod.price_micro_usd_per_hour)),
            Err(failure) => Err(Failure::Upstream(format!(
                "pod {} costs too much and was not ended: {failure:?}",
                pod.id
            ))),
        }
    }

    /// What the container is told, and what a pod remembers for its order.
    fn environment(&self, order: &Order, key: String, gpu_memory_mib: u64) -> Environment {
        let mut env = BTreeMap::from([
            ("PUBLIC_KEY".to_owned(), key),
            (ORDER_VARIABLE.to_owned(), order.key.clone()),
            (GPU_MEMORY_VARIABLE.to_owned(), gpu_memory_mib.to_string()),
        ]);
        for label in labels::kept(self.outside, &order.labels, LABEL_BYTES_MAX) {
            let name = label.name.replace('-', "_").to_uppercase();
            env.insert(format!("{LABEL_PREFIX}{name}"), label.value.clone());
        }
        env
    }

    fn request<'a>(&'a self, order: &'a Order, choice: &'a Choice, env: Environment) -> Create<'a> {
        let settings = self.settings;
        let disk_bytes = (settings.disk_gib * MIB_PER_GIB).saturating_mul(MIB_BYTES);
        Create {
            name: format!("{ORDER_TAG}-{}", order.key),
            image: order.image.as_deref().unwrap_or(&settings.image),
            cloud: settings.cloud.name(),
            gpu: CreateGpu {
                id: &choice.gpu,
                count: choice.count,
                min_ram_per_gpu: settings.memory_gib_per_gpu,
                min_vcpu_count_per_gpu: settings.vcpus_per_gpu,
            },
            disk: disk_bytes.div_ceil(GB_BYTES),
            ports: ["22/tcp"],
            env,
            data_center_ids: Some(choice.data_center.as_str())
                .filter(|place| !place.is_empty())
                .into_iter()
                .collect(),
        }
    }

    fn ordered(&self, key: &str) -> Result<Option<Instance>, Failure> {
        let pods = self.instances()?;
        Ok(pods
            .into_iter()
            .find(|pod| pod.order_key.as_deref() == Some(key)))
    }

    pub(crate) fn instances(&self) -> Result<Vec<Instance>, Failure> {
        let response = self.api().get("/v2/pods")?;
        match response.status {
            200 => read::<Pods>(&response)?
                .pods
                .into_iter()
                .map(|pod| self.instance(pod))
                .collect(),
            _ => Err(self.refused(&response)),
        }
    }

    pub(crate) fn inspect(&self, id: &str) -> Result<Instance, Failure> {
        let response = self.api().get(&path(id))?;
        match response.status {
            200 => self.instance(read(&response)?),
            404 => Err(Failure::NotFound),
            _ => Err(self.refused(&response)),
        }
    }

    pub(crate) fn terminate(&self, id: &str) -> Result<(), Failure> {
        let response = self.api().delete(&path(id))?;
        match response.status {
            200..=299 | 404 => Ok(()),
            _ => Err(self.refused(&response)),
        }
    }

    /// What is neither success nor an answer of the one request's own.
    pub(crate) fn refused(&self, response: &Response) -> Failure {
        let words = said(&String::from_utf8_lossy(&response.body));
        let other = || Failure::Unsupported(format!("{}: {words}", response.status));
        self.api().refusal(response).unwrap_or_else(other)
    }

    fn instance(&self, pod: Pod) -> Result<Instance, Failure> {
        let no_price = || Failure::Upstream(format!("pod {} costs {}", pod.id, pod.cost));
        let cost = money::from_json(&pod.cost).ok_or_else(no_price)?;
        // Nothing is charged for a pod that is gone.
        let disk = if pod.status == "TERMINATED" {
            0
        } else {
            self.settings.disk_micro_usd_per_hour
        };
        let named = pod
            .name
            .strip_prefix(ORDER_TAG)
            .and_then(|name| name.strip_prefix('-'));
        let key = pod.env.get(ORDER_VARIABLE).map(String::as_str).or(named);
        let ssh = pod
            .ssh
            .as_ref()
            .and_then(|ssh| ssh.direct.as_ref())
            .map(|direct| SshEndpoint {
                host: direct.host.clone(),
                port: direct.port,
                user: direct
                    .username
                    .clone()
                    .unwrap_or_else(|| self.settings.login.clone()),
                host_key: None,
            });
        let state = state(&pod.status, ssh.is_some());
        Ok(Instance {
            order_key: key.map(str::to_owned),
            state,
            hardware: hardware(&pod),
            price_micro_usd_per_hour: cost.saturating_add(disk),
            ssh: ssh.filter(|_| state == State::Running),
            ends_at: None,
            labels: labels_of(&pod),
            id: pod.id,
        })
    }
}

fn path(id: &str) -> String {
    format!("/v2/pods/{}", percent(id))
}

/// A pod runs once it can be logged in to; a state that this adapter has never
/// heard of is one that is paid for.
fn state(status: &str, reachable: bool) -> State {
    match status {
        "RUNNING" if reachable => State::Running,
        "EXITED" | "ERROR" => State::Failed,
        "TERMINATED" => State::Terminated,
        _ => State::Starting,
    }
}

fn labels_of(pod: &Pod) -> Vec<Label> {
    let kept = pod.env.iter().filter_map(|(name, value)| {
        let name = name
            .strip_prefix(LABEL_PREFIX)?
            .replace('_', "-")
            .to_lowercase();
        Some(Label {
            name,
            value: value.clone(),
        })
    });
    let place = pod.data_center_id.iter().map(|id| Label {
        name: "data-center".to_owned(),
        value: id.clone(),
    });
    kept.chain(place).collect()
}

fn hardware(pod: &Pod) -> Hardware {
    let memory = pod.env.get(GPU_MEMORY_VARIABLE);
    let gpus = pod.gpu.iter().map(|gpu| Gpu {
        model: gpu.id.clone(),
        count: gpu.count,
        memory_mib: memory.and_then(|mib| mib.parse().ok()).unwrap_or(0),
        uuids: Vec::new(),
    });
    let sizes = pod.gpu.as_ref().map(|gpu| (gpu.vcpu_count, gpu.memory));
    let sizes = sizes.or(pod.cpu.as_ref().map(|cpu| (cpu.vcpu_count, cpu.memory)));
    let (threads, memory_gib) = sizes.unwrap_or((0.0, 0.0));
    Hardware {
        gpus: gpus.collect(),
        cpu_model: String::new(),
        cpu_threads: u32::try_from(whole(threads)).unwrap_or(0),
        memory_mib: whole(memory_gib).saturating_mul(MIB_PER_GIB),
        disk_mib: pod.disk.saturating_mul(GB_BYTES) / MIB_BYTES,
        labels: Vec::new(),
    }
}

/// Rounded down, through text, because a cast would hide what does not fit.
fn whole(number: f64) -> u64 {
    format!("{:.0}", number.floor()).parse().unwrap_or(0)
}
