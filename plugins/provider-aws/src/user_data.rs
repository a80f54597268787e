//! What a machine is told when it boots for the first time: who may log in, who
//! it is, and when it ends.
//!
//! cloud-init reads it. The document is JSON, which is YAML too, so that nothing
//! in it can end the text it stands in.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use provider_kit::ssh::HostKey;
use serde_json::json;

use crate::tags::ENDS_AT_TAG;

/// Where the time is kept, for when the metadata cannot be reached.
const KEPT: &str = "/etc/compute-subnet-ends-at";
const PROGRAM: &str = "/usr/local/sbin/compute-subnet-end";

/// As `RunInstances` takes it.
pub(crate) fn encode(renter: &str, host_key: &HostKey, ends_at: u64) -> String {
    BASE64.encode(write(renter, host_key, ends_at))
}

fn write(renter: &str, host_key: &HostKey, ends_at: u64) -> String {
    let file = |path: &str, permissions: &str, content: &str| json!({"path": path, "permissions": permissions, "owner": "root:root", "content": content});
    let document = json!({
        "ssh_pwauth": false,
        "ssh_deletekeys": true,
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
        "ssh_authorized_keys": [renter],
        "write_files": [
            file(KEPT, "0600", &format!("{ends_at}\n")),
            file(PROGRAM, "0700", &program()),
            file("/etc/systemd/system/compute-subnet-end.service", "0644", SERVICE),
            file("/etc/systemd/system/compute-subnet-end.timer", "0644", TIMER),
        ],
        "runcmd": [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "compute-subnet-end.timer"],
        ],
    });
    format!("#cloud-config\n{document}\n")
}

/// Asks for the tag, keeps what it says, and shuts down once it is past: to shut
/// down is to terminate.
fn program() -> String {
    format!(
        r#"#!/bin/sh
metadata=http://169.254.169.254/latest
token=$(curl -sf -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $metadata/api/token)
ends_at=$(curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" $metadata/meta-data/tags/instance/{ENDS_AT_TAG})
case $ends_at in
    '' | *[!0-9]*) ends_at=$(cat {KEPT}) ;;
    *) echo "$ends_at" > {KEPT} ;;
esac
[ "$(date +%s)" -lt "$ends_at" ] || shutdown -h now
"#
    )
}

const SERVICE: &str = "[Unit]
Description=Ends this machine when its rental ends
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/compute-subnet-end
";

const TIMER: &str = "[Unit]
Description=Looks whether the rental has ended
[Timer]
OnBootSec=30
OnUnitActiveSec=30
AccuracySec=5
[Install]
WantedBy=timers.target
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Value;
    use std::process::Command;

    fn document() -> Value {
        let text = write("ssh-ed25519 AAAA", &HostKey::new(&[1; 32]), 1_795_336_200);
        serde_json::from_str(text.strip_prefix("#cloud-config\n").unwrap()).unwrap()
    }

    #[test]
    fn only_the_renter_may_log_in_and_only_by_key() {
        let document = document();
        assert_eq!(document["ssh_authorized_keys"], json!(["ssh-ed25519 AAAA"]));
        assert_eq!(document["ssh_pwauth"], false);
        assert_eq!(
            document["ssh_keys"]["ed25519_public"],
            HostKey::new(&[1; 32]).public
        );
    }

    #[test]
    fn it_fits_what_ec2_takes() {
        let text = write(&"x".repeat(4 << 10), &HostKey::new(&[1; 32]), u64::MAX);
        assert!(text.len() <= 16 << 10, "{}", text.len());
    }

    /// The program as a shell runs it, with a metadata service and a clock of our own.
    fn ended(tag: &str, kept: &str, now: u64) -> bool {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("user-data-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("kept");
        std::fs::write(&file, kept).unwrap();
        let stage = format!(
            "curl() {{ case \"$*\" in *PUT*) echo t ;; *) printf '%s' '{tag}' ;; esac; }}\n\
             date() {{ echo {now}; }}\nshutdown() {{ echo DOWN; }}\n"
        );
        let script = stage + &program().replace(KEPT, file.to_str().unwrap());
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        String::from_utf8(output.stdout).unwrap().contains("DOWN")
    }

    #[test]
    fn a_machine_ends_at_the_time_of_its_tag() {
        assert!(!ended("100", "50", 99), "extended");
        assert!(ended("100", "500", 100), "shortened");
    }

    #[test]
    fn without_metadata_the_last_known_time_counts() {
        for tag in ["", "<html>", "-5"] {
            assert!(!ended(tag, "100", 99), "{tag}");
            assert!(ended(tag, "100", 100), "{tag}");
        }
    }
}
