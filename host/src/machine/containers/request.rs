//! Whether a workload that was asked for can be one: texts from a plugin, and
//! behind it from a renter, go no further than here unless they are what they
//! should be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::subnet::text::escape;
use crate::subnet::workload::{Share, Workload, WorkloadError};

/// What a name may take; a container's host name takes no more.
const NAME_BYTES_MAX: usize = 63;
/// A key of 16,384 bits takes less.
const KEY_BYTES_MAX: usize = 4_096;
/// Labels of one workload.
const LABELS_MAX: usize = 32;
/// Name and value of one label.
const LABEL_BYTES_MAX: usize = 1_024;
/// Docker takes no less.
const MEMORY_MIB_MIN: u64 = 32;
/// An ext4 file system needs some room for itself.
const DISK_MIB_MIN: u64 = 16;

/// The types of key that are let in, what OpenSSH 9 accepts by default, and of how
/// many parts each is, its type among them.
const KEY_TYPES: [(&str, usize); 7] = [
    ("ssh-ed25519", 2),
    ("ecdsa-sha2-nistp256", 3),
    ("ecdsa-sha2-nistp384", 3),
    ("ecdsa-sha2-nistp521", 3),
    ("ssh-rsa", 3),
    ("sk-ssh-ed25519@openssh.com", 3),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 4),
];

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

/// `TYPE BASE64 [COMMENT]`, one line, no options before it: the type and the key.
///
/// The comment goes no further, and nothing before the type is let through, so
/// that what reaches `authorized_keys` is a key and nothing else.
fn key(line: &str) -> Result<String, WorkloadError> {
    let wrong = |why: &str| {
        malformed(format!(
            "the SSH key {why}; it must be one line such as `ssh-ed25519 AAAA... you@there`"
        ))
    };
    if line.len() > KEY_BYTES_MAX {
        return Err(wrong("is too long"));
    }
    let line = line.strip_suffix('\n').unwrap_or(line);
    if line.chars().any(char::is_control) {
        return Err(wrong("has a line break or a control character in it"));
    }
    let mut words = line.split(' ');
    let kind = words.next().unwrap_or_default();
    let Some((_, parts)) = KEY_TYPES.iter().find(|(name, _)| *name == kind) else {
        return Err(wrong("begins with no type of key that is accepted here"));
    };
    let encoded = words.next().unwrap_or_default();
    let blob = STANDARD
        .decode(encoded)
        .map_err(|_| wrong("is not in base64"))?;
    if !holds(&blob, kind.as_bytes(), *parts) {
        return Err(wrong("is not of the type that it begins with"));
    }
    Ok(format!("{kind} {encoded}"))
}

/// A key's bytes begin with its type, and parts of stated lengths follow to the end.
fn holds(blob: &[u8], kind: &[u8], parts_expected: usize) -> bool {
    let mut rest = blob;
    let mut parts = 0;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Ok(length) = usize::try_from(u32::from_be_bytes(*length)) else {
            return false;
        };
        let Some((part, after)) = after.split_at_checked(length) else {
            return false;
        };
        if part.is_empty() || (parts == 0 && part != kind) {
            return false;
        }
        parts += 1;
        rest = after;
    }
    rest.is_empty() && parts == parts_expected
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
            format!("ssh-ed25519 {}", "A".repeat(KEY_BYTES_MAX)),
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
