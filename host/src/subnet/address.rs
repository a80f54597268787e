//! Which addresses may be called: strangers say where a neuron or a provider is.
//!
//! Judges the very address that is connected to, there are no names here. In
//! [`AddressPolicy::PublicOnly`] an address must be one the internet routes to:
//! neither this machine nor its neighbours nor a cloud's metadata service, not
//! even wrapped in an IPv6 form that embeds an IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressPolicy {
    /// Those that the internet routes to.
    #[default]
    PublicOnly,
    /// Also loopback and private ones: for a development chain, or a network of
    /// one's own. Link-local ones stay closed, because metadata services live there.
    AllowPrivate,
}

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Nobody can be there.
    #[error("nothing can listen there")]
    Nowhere,
    /// One that is never called.
    #[error("it is link-local or a metadata service")]
    LinkLocal,
    /// Not on the internet.
    #[error("it is not a public address")]
    NotPublic,
}

impl AddressPolicy {
    /// Whether `address` may be called.
    pub fn check(self, address: &SocketAddr) -> Result<(), NotAllowed> {
        if address.port() == 0 {
            return Err(NotAllowed::Nowhere);
        }
        match embedded_v4(address.ip()) {
            IpAddr::V4(v4) => self.check_v4(v4),
            IpAddr::V6(v6) => self.check_v6(v6),
        }
    }

    fn check_v4(self, ip: Ipv4Addr) -> Result<(), NotAllowed> {
        // 0.0.0.0 is this machine to many systems, and nobody's address.
        if ip.octets()[0] == 0 || ip.is_multicast() || ip.is_broadcast() {
            return Err(NotAllowed::Nowhere);
        }
        if ip.is_link_local() || METADATA_V4.contains(&ip) {
            return Err(NotAllowed::LinkLocal);
        }
        if self == Self::PublicOnly && is_special_v4(ip) {
            return Err(NotAllowed::NotPublic);
        }
        Ok(())
    }

    fn check_v6(self, ip: Ipv6Addr) -> Result<(), NotAllowed> {
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(NotAllowed::Nowhere);
        }
        if ip.is_unicast_link_local() || METADATA_V6.contains(&ip) || is_local_nat64(ip) {
            return Err(NotAllowed::LinkLocal);
        }
        if self == Self::PublicOnly && is_special_v6(ip) {
            return Err(NotAllowed::NotPublic);
        }
        Ok(())
    }
}

/// Metadata services outside of 169.254.0.0/16: Azure's (public in form, but each
/// machine's own agent in fact), Alibaba's, Oracle's.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Amazon's and Google's over IPv6.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// A network's own translation (RFC 8215): where it leads, only the network knows.
fn is_local_nat64(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0x64, 0xff9b, 1, ..])
}

/// The IPv4 address that an IPv6 one leads to: mapped, translated, compatible,
/// 6to4, NAT64.
fn embedded_v4(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            join(high, low)
        }
        // Compatible, but for `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if high != 0 || low > 1 => join(high, low),
        [0x2002, ..] => join(b, c),
        _ => ip,
    }
}

/// IANA's special-purpose registry.
fn is_special_v4(ip: Ipv4Addr) -> bool {
    matches!(
        ip.octets(),
        [0 | 10 | 127 | 240..=255, ..]
            | [100, 64..=127, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// Whatever is not global unicast, and the special parts of what is.
fn is_special_v6(ip: Ipv6Addr) -> bool {
    !matches!(
        ip.segments(),
        // 2000::/3 without 2001::/23 (Teredo, ORCHID and others), documentation
        // (2001:db8::/32, 3fff::/20).
        [0x2001, 0x200..=0xdb7 | 0xdb9..=0xffff, ..]
            | [0x2000 | 0x2002..=0x3ffe, ..]
            | [0x3fff, 0x1000..=0xffff, ..]
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(policy: AddressPolicy, text: &str) -> Result<(), NotAllowed> {
        policy.check(&SocketAddr::new(text.parse().unwrap(), 8091))
    }

    #[test]
    fn only_the_internet_is_called() {
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "172.15.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a01:4f8::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(check(AddressPolicy::PublicOnly, public), Ok(()), "{public}");
        }
    }

    #[test]
    fn nothing_of_this_machine_or_its_neighbours_is_called() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "::ffff:0:127.0.0.1",
            "::ffff:0.0.0.0",
            "::ffff:100.64.0.1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(
                check(AddressPolicy::PublicOnly, private).is_err(),
                "{private}"
            );
        }
    }

    #[test]
    fn a_development_network_opens_loopback_but_no_metadata_service() {
        for private in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fc00::1"] {
            assert_eq!(
                check(AddressPolicy::AllowPrivate, private),
                Ok(()),
                "{private}"
            );
        }
        for closed in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(
                check(AddressPolicy::AllowPrivate, closed).is_err(),
                "{closed}"
            );
        }
    }

    #[test]
    fn port_zero_is_nowhere() {
        for policy in [AddressPolicy::PublicOnly, AddressPolicy::AllowPrivate] {
            for address in ["1.1.1.1:0", "[2606:4700::1111]:0"] {
                let address = address.parse().unwrap();
                assert_eq!(policy.check(&address), Err(NotAllowed::Nowhere));
            }
        }
    }
}
