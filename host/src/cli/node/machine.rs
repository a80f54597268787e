//! The machine the node runs on, as far as its operator lets it out.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::config::{Config, MachineDisk, MachineFirewall, Role};
use crate::machine::{Containers, ContainersOptions, DiskLimit, Firewall, LocalMachine};
use crate::subnet::key::AccountId;
use crate::subnet::workload::Share;

use crate::cli::shutdown::Shutdown;

/// Its containers; `None` where nothing is let out.
pub(super) fn containers(
    config: &Config,
    hotkey: AccountId,
) -> anyhow::Result<Option<Arc<Containers>>> {
    let settings = &config.settings;
    if config.role != Role::Miner || !settings.machine.is_let_out() {
        return Ok(None);
    }
    let machine = Arc::new(LocalMachine::new(&settings.state_folder));
    let opened = Containers::open(options(config, hotkey), machine);
    let folder = settings.state_folder.display();
    let opened = opened.with_context(|| format!("no disks can be kept below {folder}"))?;
    Ok(Some(Arc::new(opened)))
}

/// Looks after them, if there are any, until the node ends.
pub(super) fn keep(
    containers: Option<Arc<Containers>>,
    shutdown: &Shutdown,
    services: &mut JoinSet<()>,
) {
    if let Some(containers) = containers {
        let requested = shutdown.requested();
        services.spawn(async move { containers.keep(requested).await });
    }
}

fn options(config: &Config, hotkey: AccountId) -> ContainersOptions {
    let wanted = &config.settings.machine;
    ContainersOptions {
        socket: wanted.docker.clone(),
        node: format!("{hotkey} {}", config.netuid),
        let_out: Share {
            gpu_count: wanted.gpus,
            cpu_threads: wanted.cpu_threads,
            memory_mib: wanted.memory_mib,
            disk_mib: wanted.disk_mib,
        },
        images: wanted.images.clone(),
        ssh_host: wanted.ssh_host.clone(),
        ssh_bind: wanted.ssh_bind,
        ssh_ports: wanted.ssh_port_min..=wanted.ssh_port_max,
        dns: wanted.dns.clone(),
        disk: match wanted.disk {
            MachineDisk::Auto => DiskLimit::Auto,
            MachineDisk::Quota => DiskLimit::Quota,
            MachineDisk::Loop => DiskLimit::Loop,
            MachineDisk::Memory => DiskLimit::Memory,
        },
        firewall: match wanted.firewall {
            MachineFirewall::Host => Firewall::Enforced,
            MachineFirewall::Mine => Firewall::Operators,
        },
        folder: config.settings.state_folder.join("machine"),
        clock: Arc::new(unix_s),
    }
}

fn unix_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
