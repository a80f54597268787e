//! Machines that behave, machines that do not, and the real servers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hostile;
mod server;

use super::*;
use crate::subnet::provider::SshEndpoint;

/// A prober that may call this machine, and is in a hurry.
fn prober() -> SshProber {
    SshProber::new(SshOptions {
        addresses: AddressPolicy::AllowPrivate,
        whole_time: Duration::from_secs(20),
        ..SshOptions::default()
    })
}

/// A prober for machines that keep it waiting.
fn impatient() -> SshProber {
    let moment = Duration::from_millis(300);
    SshProber::new(SshOptions {
        addresses: AddressPolicy::AllowPrivate,
        whole_time: Duration::from_secs(20),
        connect_time: moment,
        login_time: moment,
        command_time: moment,
    })
}

fn endpoint(port: u16, host_key: &str) -> SshEndpoint {
    SshEndpoint {
        host: "127.0.0.1".to_owned(),
        port,
        user: "root".to_owned(),
        host_key: Some(host_key.to_owned()),
    }
}

/// Some ed25519 key in OpenSSH form.
fn some_key() -> String {
    prober().prepare().unwrap().ssh_public_key().to_owned()
}

#[test]
fn every_machine_is_visited_with_a_key_of_its_own() {
    let (one, other) = (some_key(), some_key());
    assert_ne!(one, other);
    assert!(one.starts_with("ssh-ed25519 ") && one.lines().count() == 1);
}

#[tokio::test]
async fn without_a_host_key_that_can_be_checked_nobody_is_called() {
    let visit = prober().prepare().unwrap();
    let mut at = endpoint(1, "");
    at.host_key = None;
    assert_eq!(visit.look(&at).await, Err(ProbeError::NoHostKey));
    let long = format!("ssh-ed25519 {}", "A".repeat(1 << 20));
    for key in ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAA", &long] {
        let error = visit.look(&endpoint(1, key)).await.unwrap_err();
        assert!(
            matches!(error, ProbeError::BadHostKey(_)),
            "{key:.20}: {error}"
        );
    }
    let mut at = endpoint(1, &some_key());
    at.user = "-oProxyCommand=x".repeat(9);
    let error = visit.look(&at).await.unwrap_err();
    assert!(matches!(error, ProbeError::Malformed(_)), "{error}");
}
