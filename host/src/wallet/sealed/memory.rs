//! Whether there is room for Argon2, asked before it begins.
//!
//! Linux grants memory that it does not have and kills the process that uses it:
//! in a container of 256 MiB an operator would see a node that vanishes. So what
//! the system says of itself is read first: this process's control groups and
//! the free memory. Elsewhere, and where nothing can be read, only the allocation
//! itself can fail.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What the rest of the process and the machine need beside it.
const SPARE_BYTES: u64 = 32 * 1024 * 1024;
/// Where version 2 of the control groups lies.
const GROUPS: &str = "/sys/fs/cgroup";
/// The limit of a container under version 1.
const LIMIT_OF_VERSION_1: &str = "/sys/fs/cgroup/memory/memory.limit_in_bytes";

/// There is less memory than the password's key needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLittleMemory {
    needed_bytes: u64,
    limit: Option<(u64, String)>,
}

impl TooLittleMemory {
    /// The allocation failed.
    pub(super) fn refused(needed_bytes: u64) -> Self {
        Self {
            needed_bytes,
            limit: None,
        }
    }
}

impl fmt::Display for TooLittleMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes / 1024 / 1024;
        write!(f, "it takes {} MiB of memory", mib(self.needed_bytes))?;
        match &self.limit {
            Some((bytes, whose)) => write!(f, " and {whose} is {} MiB", mib(*bytes)),
            None => f.write_str(" and the system refused them"),
        }
    }
}

/// Whether `needed_bytes` can be used here, as far as the system tells.
pub(super) fn check(needed_bytes: u64) -> Result<(), TooLittleMemory> {
    let limits = groups(&read("/proc/self/cgroup"))
        .into_iter()
        .map(|folder| folder.join("memory.max"))
        .chain([PathBuf::from(LIMIT_OF_VERSION_1)])
        .filter_map(|file| {
            let bytes = read(&file).trim().parse().ok()?;
            Some((bytes, format!("the limit of {}", file.display())))
        });
    let free = available(&read("/proc/meminfo")).map(|bytes| (bytes, "the free memory".to_owned()));
    judge(needed_bytes, limits.chain(free))
}

fn judge(
    needed_bytes: u64,
    limits: impl Iterator<Item = (u64, String)>,
) -> Result<(), TooLittleMemory> {
    match limits.min() {
        Some((bytes, whose)) if bytes < needed_bytes.saturating_add(SPARE_BYTES) => {
            Err(TooLittleMemory {
                needed_bytes,
                limit: Some((bytes, whose)),
            })
        }
        _ => Ok(()),
    }
}

/// The folders of this process's group and of those around it.
fn groups(cgroup: &str) -> Vec<PathBuf> {
    let Some(own) = cgroup.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Vec::new();
    };
    Path::new(GROUPS)
        .join(own)
        .ancestors()
        .take_while(|folder| folder.starts_with(GROUPS))
        .map(Path::to_owned)
        .collect()
}

/// What can be had without harm to others, swap included.
fn available(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        meminfo
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"))?
            .parse()
            .ok()
    };
    let free = kib("MemAvailable:")?;
    Some(
        free.saturating_add(kib("SwapFree:").unwrap_or(0))
            .saturating_mul(1024),
    )
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_container_that_is_too_small_is_named_before_the_system_kills_us() {
        let limits = [
            (4096 * MIB, "the free memory".to_owned()),
            (256 * MIB, "the limit of /x".to_owned()),
        ];
        let error = judge(512 * MIB, limits.into_iter()).expect_err("256 MiB are too few");
        assert_eq!(
            error.to_string(),
            "it takes 512 MiB of memory and the limit of /x is 256 MiB"
        );
        assert_eq!(judge(512 * MIB, std::iter::empty()), Ok(()));
    }

    #[test]
    fn the_groups_around_ours_limit_us_too() {
        assert_eq!(
            groups("0::/a.slice/b.service\n"),
            ["a.slice/b.service", "a.slice", ""].map(|end| Path::new(GROUPS).join(end))
        );
        assert!(groups("1:memory:/x\n").is_empty());
    }

    #[test]
    fn swap_counts_as_memory() {
        let text = "MemTotal:  9 kB\nMemAvailable:     100 kB\nSwapFree:  28 kB\n";
        assert_eq!(available(text), Some(128 * 1024));
        assert_eq!(available("nonsense"), None);
    }
}
