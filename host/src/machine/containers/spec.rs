//! A workload as a container: what it may, and above all what it may not.
//!
//! | of | what it gets |
//! |---|---|
//! | processor | its own threads (`cpuset`), so that `nproc` shows what was ordered |
//! | memory | what was ordered, no swap; shared memory is a part of it |
//! | processes | at most [`PIDS_MAX`] |
//! | disk | `/root`, of the size ordered; `/tmp` and `/run` in its memory; all else cannot be written (but see [`DiskLimit::Quota`]) |
//! | cards | its own, by device request; none otherwise |
//! | privileges | root of its own, with [`CAPABILITIES`] and no way to more; the engine's seccomp and AppArmor profiles; a user namespace where the engine has one |
//! | network | the bridge of [`firewall`](super::firewall); its SSH port is published, no other |
//! | of the host | no file, no socket, no device, no log |
//!
//! The engine never starts it again by itself: its rules might not be in place yet.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkCreateRequest, PortBinding,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use super::options::{ContainersOptions, DiskLimit};
use super::tenant::{NODE_LABEL, Note};

/// Processes and threads of one workload.
const PIDS_MAX: i64 = 4_096;
/// Files that one process of a workload may have open.
const OPEN_FILES_MAX: i64 = 16_384;
/// Where a workload's SSH server listens.
pub(super) const SSH_PORT: u16 = 22;
/// Whom its renter logs in as.
pub(super) const SSH_USER: &str = "root";
/// Where its disk is.
pub(super) const HOME: &str = "/root";
/// The variable that the renter's key is in.
pub(super) const PUBLIC_KEY: &str = "RENTAL_SSH_PUBLIC_KEY";
/// `/run`, where what was handed over is kept.
const RUN_MIB: u64 = 16;

/// What root keeps: of its own files and processes, and to log in. Dropbear needs
/// `SETUID` and `SETGID`, OpenSSH `SYS_CHROOT` and, for a terminal, `CHOWN` too.
const CAPABILITIES: [&str; 8] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
];

/// What an image is handed, as its environment.
pub(super) struct Handed<'a> {
    /// The renter's key.
    pub(super) public_key: &'a str,
    /// The workload's own.
    pub(super) host_key: &'a str,
}

/// A container, but for its name.
pub(super) fn container(
    options: &ContainersOptions,
    tag: &str,
    note: &Note,
    handed: &Handed<'_>,
    device: &str,
) -> ContainerCreateBody {
    ContainerCreateBody {
        hostname: Some(note.name.clone()),
        image: Some(note.image.clone()),
        env: Some(vec![
            format!("{PUBLIC_KEY}={}", handed.public_key),
            format!("RENTAL_SSH_HOST_KEY={}", handed.host_key),
        ]),
        exposed_ports: Some(vec![ssh()]),
        labels: Some(note.container_labels(tag)),
        host_config: Some(limits(options, tag, note, device)),
        ..ContainerCreateBody::default()
    }
}

fn limits(options: &ContainersOptions, tag: &str, note: &Note, device: &str) -> HostConfig {
    let memory = bytes(options.memory_mib(&note.share));
    let base = HostConfig {
        cpuset_cpus: Some(joined(&note.cpus)),
        memory: Some(memory),
        memory_swap: Some(memory),
        pids_limit: Some(PIDS_MAX),
        ulimits: Some(vec![ulimit("nofile", OPEN_FILES_MAX), ulimit("core", 0)]),
        shm_size: Some(bytes(note.share.memory_mib / 2)),
        device_requests: cards(&note.gpus),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        init: Some(true),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        ..network_of(options, tag, note.port)
    };
    with_disk(options, note, device, base)
}

fn network_of(options: &ContainersOptions, tag: &str, port: u16) -> HostConfig {
    let published = PortBinding {
        host_ip: Some(options.ssh_bind.to_string()),
        host_port: Some(port.to_string()),
    };
    HostConfig {
        network_mode: Some(bridge(tag)),
        port_bindings: Some(HashMap::from([(ssh(), Some(vec![published]))])),
        publish_all_ports: Some(false),
        dns: Some(options.dns.iter().map(IpAddr::to_string).collect()),
        // The machine's own search domains are nobody's business.
        dns_search: Some(vec![".".to_owned()]),
        ..HostConfig::default()
    }
}

fn with_disk(
    options: &ContainersOptions,
    note: &Note,
    device: &str,
    base: HostConfig,
) -> HostConfig {
    let share = &note.share;
    let mut tmpfs = HashMap::from([
        (
            "/tmp".to_owned(),
            format!(
                "rw,exec,nosuid,nodev,mode=1777,size={}m",
                share.memory_mib / 2
            ),
        ),
        (
            "/run".to_owned(),
            format!("rw,noexec,nosuid,nodev,mode=755,size={RUN_MIB}m"),
        ),
    ]);
    let mut mounts = None;
    let mut storage = None;
    match options.disk_limit() {
        DiskLimit::Quota => {
            storage = Some(HashMap::from([(
                "size".to_owned(),
                format!("{}m", share.disk_mib),
            )]));
        }
        DiskLimit::Memory => {
            let home = format!("rw,exec,nosuid,nodev,mode=700,size={}m", share.disk_mib);
            tmpfs.insert(HOME.to_owned(), home);
        }
        DiskLimit::Loop | DiskLimit::Auto => mounts = Some(vec![volume(note, device)]),
    }
    HostConfig {
        readonly_rootfs: Some(storage.is_none()),
        tmpfs: Some(tmpfs),
        mounts,
        storage_opt: storage,
        ..base
    }
}

/// Mounted by the engine when the container starts, and unmounted when it ends.
fn volume(note: &Note, device: &str) -> Mount {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume_name(&note.disk)),
        target: Some(HOME.to_owned()),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            driver_config: Some(MountVolumeOptionsDriverConfig {
                name: Some("local".to_owned()),
                options: Some(HashMap::from([
                    option("type", "ext4"),
                    option("device", device),
                    option("o", "nosuid,nodev"),
                ])),
            }),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

/// The engine's name of a disk.
pub(super) fn volume_name(disk: &str) -> String {
    format!("rental.{disk}")
}

fn cards(gpus: &[String]) -> Option<Vec<DeviceRequest>> {
    (!gpus.is_empty()).then(|| {
        vec![DeviceRequest {
            driver: Some("nvidia".to_owned()),
            device_ids: Some(gpus.to_vec()),
            capabilities: Some(vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        }]
    })
}

fn ulimit(name: &str, limit: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(limit),
        hard: Some(limit),
    }
}

fn ssh() -> String {
    format!("{SSH_PORT}/tcp")
}

fn joined(cpus: &[u32]) -> String {
    let cpus: Vec<String> = cpus.iter().map(ToString::to_string).collect();
    cpus.join(",")
}

fn bytes(mib: u64) -> i64 {
    i64::try_from(mib.saturating_mul(1 << 20)).unwrap_or(i64::MAX)
}

/// The bridge of a node's workloads, and the network's name; an interface's name
/// has 15 bytes at most.
pub(super) fn bridge(tag: &str) -> String {
    format!("hr{tag}")
}

/// The network of a node's workloads.
pub(super) fn network(tag: &str) -> NetworkCreateRequest {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    NetworkCreateRequest {
        name: bridge(tag),
        driver: Some("bridge".to_owned()),
        enable_ipv6: Some(false),
        options: Some(HashMap::from([
            option("com.docker.network.bridge.name", &bridge(tag)),
            option("com.docker.network.bridge.enable_icc", "false"),
        ])),
        labels: Some(HashMap::from([option(NODE_LABEL, tag)])),
        ..NetworkCreateRequest::default()
    }
}
