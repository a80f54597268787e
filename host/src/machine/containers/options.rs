//! What the operator lets out, and how.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use crate::subnet::workload::Share;

/// How a workload's writable disk is kept to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskLimit {
    /// [`DiskLimit::Loop`] for root, else [`DiskLimit::Memory`].
    Auto,
    /// The engine's own quota on the container's root, which is writable then: an
    /// engine whose data is on xfs mounted with `pquota`.
    Quota,
    /// A read-only root, and an ext4 file system of that size in a file.
    Loop,
    /// A read-only root, and a file system of that size in memory, which is counted
    /// as memory.
    Memory,
}

/// Who keeps workloads away from everything that is not the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firewall {
    /// The host, by rules of its own; nothing is launched without them.
    Enforced,
    /// The operator, who says so.
    Operators,
}

/// What the operator lets out, and how.
#[derive(Clone)]
pub struct ContainersOptions {
    /// The engine's socket on this machine.
    pub socket: PathBuf,
    /// Whose workloads these are, such as the node's hotkey: nodes that share an
    /// engine neither see nor count one another's.
    pub node: String,
    /// All that is let out; the rest of the machine is the operator's.
    pub let_out: Share,
    /// `name@sha256:...`, or the `sha256:...` of an image that was built here.
    pub images: Vec<String>,
    /// The name or address that renters are told.
    pub ssh_host: String,
    /// The address that SSH ports are published on.
    pub ssh_bind: IpAddr,
    /// The ports that are given out, one a workload.
    pub ssh_ports: RangeInclusive<u16>,
    /// Name servers on the internet: the machine's own may know private names.
    pub dns: Vec<IpAddr>,
    /// How disks are kept to their size.
    pub disk: DiskLimit,
    /// Who keeps workloads in.
    pub firewall: Firewall,
    /// Where disks are kept; nobody else's.
    pub folder: PathBuf,
    /// Unix seconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl ContainersOptions {
    /// [`DiskLimit::Auto`] decided.
    pub(super) fn disk_limit(&self) -> DiskLimit {
        match self.disk {
            DiskLimit::Auto if is_root() => DiskLimit::Loop,
            DiskLimit::Auto => DiskLimit::Memory,
            chosen => chosen,
        }
    }

    /// What workloads may have: disks that are memory are set aside from it.
    pub(super) fn for_rent(&self) -> Share {
        let mut share = self.let_out;
        if self.disk_limit() == DiskLimit::Memory {
            share.memory_mib = share.memory_mib.saturating_sub(share.disk_mib);
        }
        share
    }

    /// What `share` takes of memory: its disk too, where that is memory.
    pub(super) fn memory_mib(&self, share: &Share) -> u64 {
        match self.disk_limit() {
            DiskLimit::Memory => share.memory_mib.saturating_add(share.disk_mib),
            _ => share.memory_mib,
        }
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
