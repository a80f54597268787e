//! What the operating system says, one reading at a time.
//!
//! In a container the share counts that the node may use: the processors and
//! the memory that its control group allows.

use std::path::Path;

use sysinfo::{CpuRefreshKind, Networks, System};

use super::texts::clean;

/// What a processor without a name is called.
const UNKNOWN_CPU: &str = "unknown";

/// The processor's model name.
pub(super) fn cpu_model() -> String {
    let Ok(mut system) = System::new() else {
        return UNKNOWN_CPU.to_owned();
    };
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let brand = system.cpus().first().map(|cpu| clean(cpu.brand()));
    brand
        .filter(|brand| !brand.is_empty())
        .unwrap_or_else(|| UNKNOWN_CPU.to_owned())
}

/// Hardware threads that the node may use.
pub(super) fn cpu_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Main memory that the node may use.
pub(super) fn memory_mib() -> u64 {
    memory().map_or(0, |memory| memory.total_bytes >> 20)
}

/// Main memory, and how much of it is taken.
pub(super) struct Memory {
    total_bytes: u64,
    used_bytes: u64,
}

impl Memory {
    pub(super) fn used_permille(&self) -> i64 {
        permille(self.used_bytes, self.total_bytes)
    }
}

pub(super) fn memory() -> Option<Memory> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let (mut total, mut used) = (system.total_memory(), system.used_memory());
    if let Some(group) = system.cgroup_limits()
        && (1..total).contains(&group.total_memory)
    {
        total = group.total_memory;
        used = total.saturating_sub(group.free_memory);
    }
    Some(Memory {
        total_bytes: total,
        used_bytes: used,
    })
}

/// The file system a path is on.
pub(super) struct Disk {
    pub(super) total_mib: u64,
    pub(super) free_mib: u64,
}

pub(super) fn disk(path: &Path) -> Option<Disk> {
    let volume = rustix::fs::statvfs(path).ok()?;
    let mib = |blocks: u64| blocks.saturating_mul(volume.f_frsize) >> 20;
    Some(Disk {
        total_mib: mib(volume.f_blocks),
        free_mib: mib(volume.f_bavail),
    })
}

/// Bytes in and out since the machine started, over all interfaces but loopback.
pub(super) fn traffic() -> Option<(u64, u64)> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let real = networks
        .iter()
        .filter(|(name, _)| *name != "lo" && *name != "lo0");
    Some(real.fold((0, 0), |(down, up): (u64, u64), (_, data)| {
        (
            down.saturating_add(data.total_received()),
            up.saturating_add(data.total_transmitted()),
        )
    }))
}

/// Runnable tasks of the last minute for each hardware thread, times 1000.
pub(super) fn load_permille() -> Option<i64> {
    let load = System::load_average().ok()?.one;
    let threads = u32::try_from(cpu_threads()).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a load; the cast saturates and rounds down"
    )]
    Some((load * 1000.0 / f64::from(threads)) as i64)
}

/// Seconds since the machine started.
pub(super) fn uptime_s() -> Option<u64> {
    System::uptime().ok()
}

/// The operating system's name and version.
pub(super) fn os() -> Option<String> {
    System::long_os_version().ok()
}

/// The kernel's version.
pub(super) fn kernel() -> Option<String> {
    System::kernel_version().ok()
}

/// Physical cores of the machine.
pub(super) fn physical_cores() -> Option<usize> {
    System::physical_core_count().ok()
}

/// `part` of `whole`, times 1000; zero of nothing.
pub(super) fn permille(part: u64, whole: u64) -> i64 {
    let share = (u128::from(part) * 1000)
        .checked_div(u128::from(whole))
        .unwrap_or(0);
    i64::try_from(share).unwrap_or(i64::MAX)
}
