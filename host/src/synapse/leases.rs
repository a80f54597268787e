//! Holds orders, offers and rentals to a size and a form, on both ends.
//!
//! Strangers write them, and people paste what is in them: a login's name, a
//! host and its key are taken only in a form that no shell, no `ssh` and no
//! `known_hosts` would read otherwise.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::description::{check_hardware, hold, labels, word};
use super::route::is_key;
use crate::subnet::provider::SshEndpoint;
use crate::subnet::rental::{
    ID_BYTES_MAX, Lease, Listing, RentError, RentRequest, SSH_KEY_BYTES_MAX,
};
use crate::subnet::text::is_plain;
use crate::subnet::wire::{LEASES_MAX, LISTINGS_MAX, RentAnswer, RentCall};

/// One rental as JSON, in bytes.
pub(super) const LEASE_BYTES_MAX: usize = 256 << 10;
/// Many, or offers, as JSON, in bytes.
pub(super) const LIST_BYTES_MAX: usize = 4 << 20;
/// An image, in bytes.
const IMAGE_BYTES_MAX: usize = 512;
/// Why a rental ended, in bytes.
const REASON_BYTES_MAX: usize = 4 << 10;
/// A host's name, in bytes: that of DNS.
const HOST_BYTES_MAX: usize = 253;
/// A login's name, in bytes: that of Linux.
const USER_BYTES_MAX: usize = 32;

#[derive(Serialize, Deserialize)]
struct Listings {
    listings: Vec<Listing>,
}

#[derive(Serialize, Deserialize)]
struct Leases {
    leases: Vec<Lease>,
}

/// Reads an order, once its sender is proved.
pub(super) fn read_request(body: &[u8]) -> Result<RentRequest, RentError> {
    let request: RentRequest = serde_json::from_slice(body)
        .map_err(|error| RentError::Malformed(format!("the order does not parse: {error}")))?;
    check_request(&request).map_err(|why| RentError::Malformed(why.to_owned()))?;
    Ok(request)
}

/// `Err` says what is wrong with an order.
pub(super) fn check_request(request: &RentRequest) -> Result<(), &'static str> {
    hold(
        is_key(&request.key),
        "`key` must be 1 to 128 of a-z, 0-9 and -",
    )?;
    hold(
        request.machine.len() <= ID_BYTES_MAX && is_plain(&request.machine),
        "`machine` is no machine's id",
    )?;
    let image = request.image.as_deref().unwrap_or_default();
    hold(
        image.len() <= IMAGE_BYTES_MAX && image.bytes().all(|b| b.is_ascii_graphic()),
        "`image` is no image's name",
    )?;
    hold(
        is_one_line(&request.ssh_public_key, SSH_KEY_BYTES_MAX),
        "`ssh_public_key` must be one line in OpenSSH form",
    )?;
    hold(request.duration_s > 0, "`duration_s` must be above zero")
}

/// An answer as JSON, no longer than the other end takes.
pub(super) fn write(answer: RentAnswer) -> Result<Vec<u8>, RentError> {
    let json = match answer {
        RentAnswer::Listings(mut listings) => {
            listings.truncate(LISTINGS_MAX);
            serde_json::to_vec(&Listings { listings })
        }
        RentAnswer::Leases(mut leases) => {
            leases.truncate(LEASES_MAX);
            serde_json::to_vec(&Leases { leases })
        }
        RentAnswer::Lease(lease) => serde_json::to_vec(&lease),
    };
    json.map_err(|error| RentError::Failed(error.to_string()))
}

/// The most bytes of the answer to `call`.
pub(super) fn bytes_max(call: &RentCall) -> usize {
    match call {
        RentCall::Offers | RentCall::List => LIST_BYTES_MAX,
        _ => LEASE_BYTES_MAX,
    }
}

/// Reads the answer to `call`; `Err` says what is wrong with it.
pub(super) fn read(call: &RentCall, body: &[u8]) -> Result<RentAnswer, &'static str> {
    match call {
        RentCall::Offers => {
            let Listings { listings } = parse(body)?;
            hold(listings.len() <= LISTINGS_MAX, "too many offers")?;
            listings.iter().try_for_each(check_listing)?;
            Ok(RentAnswer::Listings(listings))
        }
        RentCall::List => {
            let Leases { leases } = parse(body)?;
            hold(leases.len() <= LEASES_MAX, "too many rentals")?;
            leases.iter().try_for_each(check_lease)?;
            Ok(RentAnswer::Leases(leases))
        }
        RentCall::Order(request) => {
            let lease = lease_of(&request.key, body)?;
            hold(lease.machine == request.machine, "another machine is let")?;
            // One that was refused has the price of its offer.
            let agreed = lease.price_micro_usd_per_hour <= request.price_micro_usd_per_hour_max;
            hold(
                agreed || lease.state == "refused",
                "it costs more than was agreed to",
            )?;
            Ok(RentAnswer::Lease(Box::new(lease)))
        }
        RentCall::Show { key } | RentCall::Extend { key, .. } | RentCall::End { key } => {
            Ok(RentAnswer::Lease(Box::new(lease_of(key, body)?)))
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    serde_json::from_slice(body).map_err(|_| "its answer about rentals does not parse")
}

fn lease_of(key: &str, body: &[u8]) -> Result<Lease, &'static str> {
    let lease: Lease = parse(body)?;
    check_lease(&lease)?;
    hold(lease.key == key, "it answered about another rental")?;
    Ok(lease)
}

fn check_listing(listing: &Listing) -> Result<(), &'static str> {
    word(&listing.machine)?;
    word(&listing.adapter)?;
    word(&listing.offer.region)?;
    hold(
        listing.offer.id.len() <= IMAGE_BYTES_MAX,
        "an offer's id is too long",
    )?;
    labels(&listing.offer.labels)?;
    check_hardware(&listing.offer.hardware)
}

fn check_lease(lease: &Lease) -> Result<(), &'static str> {
    hold(is_key(&lease.key), "a rental's key is none")?;
    hold(lease.machine.len() <= ID_BYTES_MAX, "an id is too long")?;
    word(&lease.state)?;
    let reason = lease.reason.as_deref().unwrap_or_default();
    hold(reason.len() <= REASON_BYTES_MAX, "a reason is too long")?;
    hold(
        lease.ends_at >= lease.began_at,
        "a rental ends before it began",
    )?;
    lease.ssh.as_ref().map_or(Ok(()), check_endpoint)?;
    check_hardware(&lease.hardware)
}

/// What may be put into a command line, and into `known_hosts`.
fn check_endpoint(ssh: &SshEndpoint) -> Result<(), &'static str> {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_');
    let host = ssh.host.as_bytes();
    hold(
        (1..=HOST_BYTES_MAX).contains(&host.len())
            && host[0] != b'-'
            && host.iter().copied().all(is_host),
        "a host's name is none",
    )?;
    hold(ssh.port != 0, "a port is none")?;
    let is_user = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let user = ssh.user.as_bytes();
    hold(
        (1..=USER_BYTES_MAX).contains(&user.len())
            && user[0] != b'-'
            && user.iter().copied().all(is_user),
        "a login's name is none",
    )?;
    let host_key = ssh.host_key.as_deref();
    hold(
        host_key.is_none_or(|key| is_one_line(key, SSH_KEY_BYTES_MAX)),
        "a host key is none",
    )
}

/// `ssh-ed25519 AAAA... comment`, and nothing that ends a line.
fn is_one_line(key: &str, bytes_max: usize) -> bool {
    let mut words = key.split(' ').map(str::len);
    key.len() <= bytes_max
        && is_plain(key)
        && words.next().is_some_and(|kind| kind > 0)
        && words.next().is_some_and(|blob| blob > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::hardware::Hardware;

    fn request() -> RentRequest {
        RentRequest {
            key: "k-1".to_owned(),
            machine: String::new(),
            image: None,
            ssh_public_key: "ssh-ed25519 AAAA me@here".to_owned(),
            cpu_threads: 0,
            memory_mib: 0,
            disk_mib: 0,
            duration_s: 60,
            price_micro_usd_per_hour_max: 10,
            probe: false,
        }
    }

    fn lease() -> Lease {
        Lease {
            key: "k-1".to_owned(),
            machine: String::new(),
            state: "running".to_owned(),
            reason: None,
            ssh: Some(SshEndpoint {
                host: "203.0.113.7".to_owned(),
                port: 4444,
                user: "root".to_owned(),
                host_key: Some("ssh-ed25519 AAAA".to_owned()),
            }),
            hardware: Hardware::default(),
            price_micro_usd_per_hour: 10,
            began_at: 1,
            ends_at: 61,
        }
    }

    fn read_lease(change: impl FnOnce(&mut Lease)) -> Result<RentAnswer, &'static str> {
        let mut lease = lease();
        change(&mut lease);
        let body = write(RentAnswer::Lease(Box::new(lease))).unwrap();
        read(&RentCall::Order(request()), &body)
    }

    #[test]
    fn a_plain_lease_and_order_are_taken() {
        let taken = read_lease(|_| {}).unwrap().into_lease();
        assert_eq!(taken, Some(lease()));
        let body = serde_json::to_vec(&request()).unwrap();
        assert_eq!(read_request(&body), Ok(request()));
    }

    #[test]
    fn a_lease_of_something_else_is_refused() {
        assert!(read_lease(|lease| lease.key = "k-2".to_owned()).is_err());
        assert!(read_lease(|lease| lease.machine = "pod".to_owned()).is_err());
        assert!(read_lease(|lease| lease.price_micro_usd_per_hour = 11).is_err());
        assert!(read_lease(|lease| lease.ends_at = 0).is_err());
    }

    #[test]
    fn nobody_gets_a_shell_out_of_an_endpoint() {
        let with = |change: fn(&mut SshEndpoint)| {
            read_lease(|lease| change(lease.ssh.as_mut().unwrap())).is_err()
        };
        assert!(with(|ssh| ssh.host = "-oProxyCommand=x".to_owned()));
        assert!(with(|ssh| ssh.host = "a b".to_owned()));
        assert!(with(|ssh| ssh.host = "$(x)".to_owned()));
        assert!(with(|ssh| ssh.host = String::new()));
        assert!(with(|ssh| ssh.user = "-l".to_owned()));
        assert!(with(|ssh| ssh.user = "a;b".to_owned()));
        assert!(with(|ssh| ssh.port = 0));
        assert!(with(
            |ssh| ssh.host_key = Some("ssh-ed25519 A\nother x".to_owned())
        ));
    }

    #[test]
    fn an_order_that_is_none_is_refused() {
        let refused = |change: fn(&mut RentRequest)| {
            let mut request = request();
            change(&mut request);
            let body = serde_json::to_vec(&request).unwrap();
            matches!(read_request(&body), Err(RentError::Malformed(_)))
        };
        assert!(refused(|r| r.key = "Key".to_owned()));
        assert!(refused(|r| r.key = "k".repeat(129)));
        assert!(refused(|r| r.ssh_public_key = "no-key".to_owned()));
        assert!(refused(
            |r| r.ssh_public_key = "ssh-rsa A\nssh-rsa B".to_owned()
        ));
        assert!(refused(|r| r.ssh_public_key = "x ".repeat(4096)));
        assert!(refused(|r| r.machine = "x".repeat(129)));
        assert!(refused(|r| r.image = Some("a b".to_owned())));
        assert!(refused(|r| r.duration_s = 0));
        assert!(read_request(b"{\"key\":\"k\",\"more\":1}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(body in "[\\[\\]{}\":,a-z0-9_ ]{0,200}") {
            let _ = read_request(body.as_bytes());
            for call in [RentCall::Offers, RentCall::List, RentCall::Order(request())] {
                let _ = read(&call, body.as_bytes());
            }
        }
    }
}
