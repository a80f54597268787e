//! What a machine's tags say: what was ordered, for how much, until when.
//!
//! EC2 gives tags back with the machine in one answer, and the machine itself can
//! read them in its metadata, for which their names are plain.

use provider_kit::{
    Gpu, Hardware, Instance, Label, ORDER_TAG, Order, Outside, SshEndpoint, State, labels, xml,
};
use roxmltree::Node;

/// Unix seconds; the timer in the machine reads it.
pub(crate) const ENDS_AT_TAG: &str = "compute-subnet-ends-at";
const HOST_KEY_TAG: &str = "compute-subnet-host-key";
/// Micro-USD an hour, as it was when the machine was ordered.
const PRICE_TAG: &str = "compute-subnet-price";
/// Threads, memory in MiB, disk in MiB.
const SIZE_TAG: &str = "compute-subnet-size";
/// Number, memory in MiB, model.
const GPU_TAG: &str = "compute-subnet-gpu";
const LABEL_PREFIX: &str = "compute-subnet-label.";
const TAG_BYTES_MAX: usize = 256;
const SSH_PORT: u16 = 22;

/// Names and values.
pub(crate) type Tags = Vec<(String, String)>;

/// Those of a machine to be.
pub(crate) fn write(
    outside: &dyn Outside,
    order: &Order,
    hardware: &Hardware,
    price: u64,
    host_key: &str,
) -> Tags {
    let tag = |name: &str, value: String| (name.to_owned(), value);
    let Hardware {
        cpu_threads,
        memory_mib,
        disk_mib,
        ..
    } = hardware;
    let mut tags = vec![
        tag("Name", "compute-subnet".to_owned()),
        tag(ORDER_TAG, order.key.clone()),
        tag(ENDS_AT_TAG, order.ends_at.to_string()),
        tag(HOST_KEY_TAG, host_key.to_owned()),
        tag(PRICE_TAG, price.to_string()),
        tag(SIZE_TAG, format!("{cpu_threads}/{memory_mib}/{disk_mib}")),
    ];
    if let Some(gpu) = hardware.gpus.first() {
        tags.push(tag(
            GPU_TAG,
            format!("{}/{}/{}", gpu.count, gpu.memory_mib, gpu.model),
        ));
    }
    for label in labels::kept(outside, &order.labels, TAG_BYTES_MAX) {
        tags.push((format!("{LABEL_PREFIX}{}", label.name), label.value.clone()));
    }
    tags
}

/// A machine, as EC2 describes it. `None` for what is no description of one.
pub(crate) fn read(machine: Node<'_, '_>, region: &str, login: &str) -> Option<Instance> {
    let tags: Tags = xml::items(machine, &["tagSet"]).filter_map(tag).collect();
    let get = |name: &str| {
        tags.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let number = |name: &str| get(name).and_then(|value| value.parse::<u64>().ok());
    let address = xml::text(machine, &["ipAddress"]);
    let state = state(
        xml::text(machine, &["instanceState", "name"])?,
        address.is_some(),
    );
    let ssh = address
        .filter(|_| state == State::Running)
        .map(|address| SshEndpoint {
            host: address.to_owned(),
            port: SSH_PORT,
            user: login.to_owned(),
            host_key: get(HOST_KEY_TAG).map(str::to_owned),
        });
    let kept = tags.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(LABEL_PREFIX)?.to_owned();
        Some(Label {
            name,
            value: value.clone(),
        })
    });
    Some(Instance {
        id: format!("{region}/{}", xml::text(machine, &["instanceId"])?),
        order_key: get(ORDER_TAG).map(str::to_owned),
        state,
        hardware: hardware(get(SIZE_TAG), get(GPU_TAG)),
        price_micro_usd_per_hour: number(PRICE_TAG).unwrap_or(0),
        ssh,
        ends_at: number(ENDS_AT_TAG),
        labels: kept.collect(),
    })
}

fn tag(item: Node<'_, '_>) -> Option<(String, String)> {
    let value = xml::text(item, &["value"]).unwrap_or_default();
    Some((xml::text(item, &["key"])?.to_owned(), value.to_owned()))
}

/// A machine that was stopped by hand is of no use, and its disk is paid for.
fn state(name: &str, reachable: bool) -> State {
    match name {
        "running" if reachable => State::Running,
        "shutting-down" => State::Stopping,
        "terminated" => State::Terminated,
        "stopping" | "stopped" => State::Failed,
        _ => State::Starting,
    }
}

fn hardware(size: Option<&str>, gpu: Option<&str>) -> Hardware {
    let mut sizes = size
        .unwrap_or_default()
        .split('/')
        .map(|part| part.parse::<u64>().unwrap_or(0));
    let mut next = || sizes.next().unwrap_or(0);
    let card = |text: &str| {
        let mut parts = text.splitn(3, '/');
        Some(Gpu {
            count: parts.next()?.parse().ok()?,
            memory_mib: parts.next()?.parse().ok()?,
            model: parts.next()?.to_owned(),
            uuids: Vec::new(),
        })
    };
    Hardware {
        gpus: gpu.and_then(card).into_iter().collect(),
        cpu_model: String::new(),
        cpu_threads: u32::try_from(next()).unwrap_or(0),
        memory_mib: next(),
        disk_mib: next(),
        labels: Vec::new(),
    }
}
