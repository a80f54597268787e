//! From an endpoint that a miner named to a TCP connection.
//!
//! A name is resolved here, once, and the connection made to the very address
//! that was checked: a name cannot lead elsewhere the second time. One address
//! that may not be called condemns the name.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use super::{SshOptions, within};
use crate::subnet::probe::ProbeError;
use crate::subnet::text::escape;

/// The longest name of a host, in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;
/// Addresses that are tried.
const TRIES_MAX: usize = 3;

/// Connects to `host`, if every address it has may be called.
pub(super) async fn dial(
    options: &SshOptions,
    host: &str,
    port: u16,
) -> Result<TcpStream, ProbeError> {
    let addresses = resolve(options, host, port).await?;
    for address in &addresses {
        options.addresses.check(address).map_err(|why| {
            let ip = address.ip();
            ProbeError::Address(format!("{ip} of {}: {why}", escape(host)))
        })?;
    }
    within("connection", options.connect_time, connect(&addresses)).await?
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ProbeError> {
    let mut last = ProbeError::Unresolved("nobody".to_owned());
    for address in addresses.iter().take(TRIES_MAX) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = ProbeError::Unreachable(format!("{address}: {}", error.kind())),
        }
    }
    Err(last)
}

async fn resolve(
    options: &SshOptions,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, ProbeError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if !is_name(host) {
        return Err(ProbeError::Malformed(format!(
            "`{}` is no host",
            escape(host)
        )));
    }
    let looked_up = tokio::net::lookup_host((host, port));
    let found = within("connection", options.connect_time, looked_up).await?;
    let found = found.map_err(|error| ProbeError::Unresolved(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return Err(ProbeError::Unresolved(escape(host)));
    }
    Ok(addresses)
}

/// Letters, digits, hyphens and dots; a resolver's own syntax has no place here.
fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=HOST_BYTES_MAX).contains(&host.len())
        && host.bytes().all(plain)
        && host.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::address::AddressPolicy;

    fn options(addresses: AddressPolicy) -> SshOptions {
        SshOptions {
            addresses,
            ..SshOptions::default()
        }
    }

    #[tokio::test]
    async fn what_is_not_public_is_never_called_not_even_by_a_name() {
        let public = options(AddressPolicy::PublicOnly);
        for host in ["127.0.0.1", "[::1]", "::ffff:10.0.0.1", "localhost"] {
            let error = dial(&public, host, 22).await.unwrap_err();
            assert!(matches!(error, ProbeError::Address(_)), "{host}: {error}");
        }
        let private = options(AddressPolicy::AllowPrivate);
        let error = dial(&private, "169.254.169.254", 22).await.unwrap_err();
        assert!(matches!(error, ProbeError::Address(_)), "{error}");
        let error = dial(&private, "127.0.0.1", 0).await.unwrap_err();
        assert!(matches!(error, ProbeError::Address(_)), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_name_is_not_looked_up() {
        let private = options(AddressPolicy::AllowPrivate);
        let long = "a".repeat(HOST_BYTES_MAX + 1);
        for host in ["", "-x", "a b", "a/b", "a%eth0", "\u{e9}", &long] {
            let error = dial(&private, host, 22).await.unwrap_err();
            assert!(matches!(error, ProbeError::Malformed(_)), "{host}: {error}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_a_matter_of_transport() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let private = options(AddressPolicy::AllowPrivate);
        let error = dial(&private, "127.0.0.1", port).await.unwrap_err();
        assert!(error.in_transport(), "{error}");
    }
}
