//! What is asked of a machine: fixed commands, nothing of a miner's in them.
//!
//! Whatever Linux has, busybox included. One that is not there is an answer
//! too: a machine without `nvidia-smi` shows no cards.

/// The most that is read of one command's output, in bytes.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Hardware threads that may be used.
pub(super) const THREADS: &str = "nproc";
/// Main memory of the whole machine.
pub(super) const MEMORY: &str = "cat /proc/meminfo";
/// What a container may use of both: `cpu.max` and `memory.max` of control groups,
/// by the names of the second version, then of the first.
pub(super) const LIMITS: &str = "cd /sys/fs/cgroup && for f in cpu.max memory.max \
    cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us memory/memory.limit_in_bytes; \
    do [ -r $f ] && echo \"$f $(cat $f)\"; done";
/// The file system of the home folder.
pub(super) const DISK: &str = "df -kP .";
/// Kernel.
pub(super) const SYSTEM: &str = "uname -sr";
/// The processor's model.
pub(super) const PROCESSOR: &str = "grep -m1 'model name' /proc/cpuinfo";
/// Cards: one line each, as the driver reports them.
pub(super) const CARDS: &str = "nvidia-smi --query-gpu=name,memory.total,uuid,driver_version \
    --format=csv,noheader,nounits";

/// In the order they are run.
pub(super) const ALL: [&str; 7] = [THREADS, MEMORY, LIMITS, DISK, SYSTEM, PROCESSOR, CARDS];
