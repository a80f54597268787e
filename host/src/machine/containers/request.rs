//! Whether a workload that was asked for can be one: texts from a plugin, and
//! behind it from a renter, go no further than here unless they are what they
//! should be.

use crate::subnet::ssh_key::ssh_key;
use crate::subnet::text::escape;
use crate::subnet::workload::{Share, Workload, WorkloadError};

/// What a name may take; a container's host name takes no more.
const NAME_BYTES_MAX: usize = 63;
/// Labels of one workload.
const LABELS_MAX: usize = 32;
/// Name and value of one label.
const LABEL_BYTES_MAX: usize = 1_024;
/// Docker takes no less.
const MEMORY_MIB_MIN: u64 = 32;
/// An ext4 file system needs some room for itself.
const DISK_MIB_MIN: u64 = 16;

/// Refuses what no workload can be; gives the renter's key without its comment.
pub(super) fn check(workload: &Workload, now: u64) -> Result<String, WorkloadError> {
    name(&workload.name)?;
    share(&workload.share)?;
    ends_at(workload.ends_at, now)?;
    labels(workload)?;
    key(&workload.ssh_public_key)
}

/// `[a-z0-9-]`, not first a hyphen.
pub(super) fn name(name: &str) -> Result<(), WorkloadError> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty()
        || name.len() > NAME_BYTES_MAX
        || name.starts_with('-')
        || !name.bytes().all(allowed)
    {
        return Err(malformed(format!(
            "the name `{}` must be 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -",
            escape(name)
        )));
    }
    Ok(())
}

/// In the future.
pub(super) fn ends_at(ends_at: u64, now: u64) -> Result<(), WorkloadError> {
    if ends_at <= now {
        return Err(malformed(format!(
            "an end at {ends_at} is past: it is {now}"
        )));
    }
    Ok(())
}

fn share(share: &Share) -> Result<(), WorkloadError> {
    if share.cpu_threads == 0 || share.memory_mib < MEMORY_MIB_MIN || share.disk_mib < DISK_MIB_MIN
    {
        return Err(malformed(format!(
            "a workload needs a thread, {MEMORY_MIB_MIN} MiB of memory and {DISK_MIB_MIN} MiB \
             of disk at least"
        )));
    }
    Ok(())
}

fn labels(workload: &Workload) -> Result<(), WorkloadError> {
    let too_long = |label: &&crate::subnet::hardware::Label| {
        label.name.len() + label.value.len() > LABEL_BYTES_MAX
    };
    if workload.labels.len() > LABELS_MAX || workload.labels.iter().find(too_long).is_some() {
        return Err(malformed(format!(
            "a workload has {LABELS_MAX} labels of {LABEL_BYTES_MAX} bytes at most"
        )));
    }
    Ok(())
}

/// The key's type and octets and nothing else: what reaches `authorized_keys`.
pub(super) fn key(line: &str) -> Result<String, WorkloadError> {
    ssh_key(line).map_err(malformed)
}

pub(super) fn malformed(text: String) -> WorkloadError {
    WorkloadError::Malformed(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::machine::containers::host_key::HostKey;
    use crate::subnet::hardware::Label;
    use crate::subnet::rental::SSH_KEY_BYTES_MAX;

    fn workload() -> Workload {
        Workload {
            name: "one-2".to_owned(),
            image: "sha256:00".to_owned(),
            share: Share {
                gpu_count: 0,
                cpu_threads: 1,
                memory_mib: 64,
                disk_mib: 64,
            },
            ssh_public_key: format!("{} someone", HostKey::new().unwrap().public()),
            ends_at: 11,
            labels: Vec::new(),
        }
    }

    #[test]
    fn a_key_goes_in_without_its_comment() {
        let workload = workload();
        let key = check(&workload, 10).unwrap();
        assert_eq!(format!("{key} someone"), workload.ssh_public_key);
    }

    #[test]
    fn nothing_but_a_key_reaches_authorized_keys() {
        let good = HostKey::new().unwrap().public();
        let (_, blob) = good.split_once(' ').unwrap();
        for bad in [
            String::new(),
            "ssh-ed25519".to_owned(),
            format!("command=\"sh\" {good}"),
            format!("{good}\n{good}"),
            format!("{good}\r"),
            format!("{good} a\u{0}b"),
            format!(" {good}"),
            format!("ssh-rsa {blob}"),
            format!("ssh-dss {blob}"),
            format!("ssh-ed25519 {}", &blob[..blob.len() - 8]),
            format!("ssh-ed25519 {blob}{blob}"),
            format!("ssh-ed25519 {}", "A".repeat(SSH_KEY_BYTES_MAX)),
            "ssh-ed25519 $(reboot)".to_owned(),
        ] {
            assert!(
                matches!(key(&bad), Err(WorkloadError::Malformed(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn names_shares_ends_and_labels_are_held_to_their_bounds() {
        let bad_name = |name: &str| Workload {
            name: name.to_owned(),
            ..workload()
        };
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "-a", "A", "a b", "a/../b", "a\n", "ä", &long] {
            assert!(check(&bad_name(name), 10).is_err(), "{name:?}");
        }
        assert!(check(&workload(), 11).is_err());
        let share = Share {
            cpu_threads: 0,
            ..workload().share
        };
        assert!(
            check(
                &Workload {
                    share,
                    ..workload()
                },
                10
            )
            .is_err()
        );
        let label = Label {
            name: "a".to_owned(),
            value: "x".repeat(LABEL_BYTES_MAX),
        };
        assert!(
            check(
                &Workload {
                    labels: vec![label],
                    ..workload()
                },
                10
            )
            .is_err()
        );
    }
}
