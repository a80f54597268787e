//! Keeps workloads to the internet: rules of our own for the bridge they are on.
//!
//! ```text
//! workload ─┬─ to the host itself, whatever its address      dropped
//!           ├─ to private, local and metadata addresses      dropped
//!           ├─ to another workload                           dropped
//!           ├─ IPv6                                          dropped
//!           └─ to the internet                               as the engine has it
//! anyone ───┬─ to a workload's SSH server                    as the engine has it
//!           └─ to any other port of a workload               dropped
//! ```
//!
//! They are an nftables table of their own for both families. A packet that any
//! table drops is dropped, so neither the engine's rules nor another firewall's can
//! open what these close, and the engine, which writes its own rules again whenever
//! it starts, does not touch these. They are put in place again, in one step, before
//! every launch and every few seconds. Replies pass: what the host or a renter began
//! with a workload goes on.
//!
//! Between two workloads there is only the bridge: `br_netfilter`, which the engine
//! loads for a bridge without inter-container communication, has such frames judged
//! like routed ones. Where it does not, the rules are not in place.

use std::fs;

use super::tool;

/// Addresses that are not the internet: IANA's special-purpose registry, as in
/// `subnet::address`, and metadata services outside of it.
const CLOSED: &str = "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, \
                      169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, \
                      192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, \
                      203.0.113.0/24, 224.0.0.0/3";

/// Whether frames from one port of a bridge to another are judged at all.
const BRIDGED: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// Puts the rules for `bridge` in place, whatever was there before.
pub(super) async fn put(bridge: &str, ssh_port: u16) -> Result<(), String> {
    judge_bridged()?;
    let arguments = vec!["-f".to_owned(), "-".to_owned()];
    let script = script(bridge, ssh_port);
    tool::run_with("nft", arguments, script).await.map(|_| ())
}

fn judge_bridged() -> Result<(), String> {
    if fs::read_to_string(BRIDGED).is_ok_and(|on| on.trim() == "1") {
        return Ok(());
    }
    fs::write(BRIDGED, "1")
        .map_err(|error| format!("{BRIDGED}: {error}; type: modprobe br_netfilter"))
}

fn script(bridge: &str, ssh_port: u16) -> String {
    // `add` before `delete`, because there is no `delete if it is there`.
    format!(
        r#"add table inet {bridge}
delete table inet {bridge}
table inet {bridge} {{
    chain to_host {{
        type filter hook input priority -200; policy accept;
        iifname "{bridge}" ct state established,related accept
        iifname "{bridge}" drop
    }}
    chain through {{
        type filter hook forward priority -200; policy accept;
        iifname "{bridge}" meta nfproto ipv6 drop
        iifname "{bridge}" ct state established,related accept
        iifname "{bridge}" ip daddr {{ {CLOSED} }} drop
        iifname "{bridge}" oifname "{bridge}" drop
        iifname "{bridge}" accept
        oifname "{bridge}" ct state established,related accept
        oifname "{bridge}" tcp dport {ssh_port} accept
        oifname "{bridge}" drop
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{IpAddr, SocketAddr};

    use super::*;
    use crate::subnet::address::AddressPolicy;

    fn is_closed(ip: std::net::Ipv4Addr) -> bool {
        CLOSED.split(", ").any(|network| {
            let (base, bits) = network.split_once('/').unwrap();
            let mask = u32::MAX
                .checked_shl(32 - bits.parse::<u32>().unwrap())
                .unwrap_or(0);
            let base: std::net::Ipv4Addr = base.parse().unwrap();
            u32::from(ip) & mask == u32::from(base) & mask
        })
    }

    #[test]
    fn what_the_node_itself_would_not_call_a_workload_cannot_reach_either() {
        for high in 0..=u16::MAX {
            for low in [0, 1, 0x8110, 0x6464, 0xa9fe, u16::MAX] {
                let ip = std::net::Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
                let address = SocketAddr::new(IpAddr::V4(ip), 80);
                let public = AddressPolicy::PublicOnly.check(&address).is_ok();
                assert_eq!(!public, is_closed(ip), "{ip}");
            }
        }
    }
}
