//! `[machine]`: what is let out of the machine the node runs on.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::problem::Problem;
use super::reader::Reader;

/// Name servers on the internet, run by two companies.
const DNS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)),
    IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)),
];
/// 256 TiB.
const MIB_MAX: u64 = 1 << 28;

/// How disks are kept to their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineDisk {
    /// As the machine allows.
    Auto,
    /// By the engine's own quota.
    Quota,
    /// As file systems in files.
    Loop,
    /// In memory.
    Memory,
}

/// Who keeps workloads away from this machine and its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFirewall {
    /// The host.
    Host,
    /// The operator.
    Mine,
}

/// `[machine]`: what is let out of the machine the node runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The engine's socket.
    pub docker: PathBuf,
    /// Hardware threads that are let out; zero lets out nothing.
    pub cpu_threads: u32,
    /// Memory that is let out.
    pub memory_mib: u64,
    /// Disk that is let out.
    pub disk_mib: u64,
    /// Cards that are let out.
    pub gpus: u32,
    /// Images that may run.
    pub images: Vec<String>,
    /// The name or address that renters are told.
    pub ssh_host: String,
    /// The address that SSH ports are published on.
    pub ssh_bind: IpAddr,
    /// The first port that is given out.
    pub ssh_port_min: u16,
    /// The last.
    pub ssh_port_max: u16,
    /// Name servers that renters use.
    pub dns: Vec<IpAddr>,
    /// How disks are kept to their size.
    pub disk: MachineDisk,
    /// Who sets the rules.
    pub firewall: MachineFirewall,
}

impl Machine {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let socket = "unix:///var/run/docker.sock";
        let docker = reader.text("machine.docker", socket, "unix:// and a path", |text| {
            let path = text.strip_prefix("unix://")?;
            path.starts_with('/').then(|| PathBuf::from(path))
        });
        let machine = Self {
            docker: docker.unwrap_or_default(),
            cpu_threads: reader.integer("machine.cpu-threads", 0, 0..=4_096),
            memory_mib: reader.integer("machine.memory-mib", 0, 0..=MIB_MAX),
            disk_mib: reader.integer("machine.disk-mib", 0, 0..=MIB_MAX),
            gpus: reader.integer("machine.gpus", 0, 0..=64),
            images: reader.texts(
                "machine.images",
                "a list of images pinned by digest: name@sha256:... or, of one built here, sha256:...",
                |text| is_pinned(text).then(|| text.to_owned()),
            ),
            ssh_host: ssh_host(reader),
            ssh_bind: ssh_bind(reader),
            ssh_port_min: reader.integer("machine.ssh-port-min", 22_000, 1..=u16::MAX),
            ssh_port_max: reader.integer("machine.ssh-port-max", 22_999, 1..=u16::MAX),
            dns: dns(reader),
            disk: disk(reader),
            firewall: firewall(reader),
        };
        machine.check(reader);
        machine
    }

    /// Whether anything is let out.
    pub fn is_let_out(&self) -> bool {
        self.cpu_threads > 0
    }

    fn check(&self, reader: &mut Reader) {
        if !self.is_let_out() {
            return;
        }
        let missing = [
            ("memory-mib", self.memory_mib == 0),
            ("disk-mib", self.disk_mib == 0),
            ("images", self.images.is_empty()),
            ("ssh-host", self.ssh_host.is_empty()),
        ];
        for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
            reader.problems.push(Problem::general(format!(
                "`machine.cpu-threads` lets out this machine: say `machine.{key}` too"
            )));
        }
        if self.ssh_port_min > self.ssh_port_max {
            reader.problems.push(Problem::general(
                "`machine.ssh-port-min` is above `machine.ssh-port-max`: no port is left"
                    .to_owned(),
            ));
        }
    }
}

fn ssh_host(reader: &mut Reader) -> String {
    let host = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        text.chars().all(allowed).then(|| text.to_owned())
    };
    let host = reader.text("machine.ssh-host", "", "a name or an address", host);
    host.unwrap_or_default()
}

fn ssh_bind(reader: &mut Reader) -> IpAddr {
    let bind = reader.text("machine.ssh-bind", "0.0.0.0", "an IP address", |text| {
        text.parse().ok()
    });
    bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn dns(reader: &mut Reader) -> Vec<IpAddr> {
    let expected = "a list of IP addresses; empty is 1.1.1.1 and 9.9.9.9";
    let named = reader.texts("machine.dns", expected, |text| text.parse().ok());
    if named.is_empty() {
        DNS.to_vec()
    } else {
        named
    }
}

fn disk(reader: &mut Reader) -> MachineDisk {
    let choices = [
        ("auto", MachineDisk::Auto),
        ("quota", MachineDisk::Quota),
        ("loop", MachineDisk::Loop),
        ("memory", MachineDisk::Memory),
    ];
    let chosen = reader.choice("machine.disk", "auto", &choices);
    chosen.unwrap_or(MachineDisk::Auto)
}

fn firewall(reader: &mut Reader) -> MachineFirewall {
    let choices = [
        ("host", MachineFirewall::Host),
        ("mine", MachineFirewall::Mine),
    ];
    let chosen = reader.choice("machine.firewall", "host", &choices);
    chosen.unwrap_or(MachineFirewall::Host)
}

/// Whether an image's name says exactly which bytes it is.
fn is_pinned(image: &str) -> bool {
    const HEX_DIGITS: usize = 64;
    let Some((name, digest)) = image.split_once("sha256:") else {
        return false;
    };
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    let name_is_good = match name.strip_suffix('@') {
        Some(name) => !name.is_empty() && name.chars().all(named),
        None => name.is_empty(),
    };
    name_is_good
        && digest.len() == HEX_DIGITS
        && digest
            .bytes()
            .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_pinned_by_its_digest_and_by_nothing_else() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for pinned in [
            digest.clone(),
            format!("registry.example:5000/a/b@{digest}"),
        ] {
            assert!(is_pinned(&pinned), "{pinned}");
        }
        for loose in [
            "ubuntu".to_owned(),
            "ubuntu:24.04".to_owned(),
            format!("@{digest}"),
            format!("a b@{digest}"),
            format!("ubuntu{digest}"),
            format!("{digest}0"),
            "ubuntu@sha256:".to_owned(),
        ] {
            assert!(!is_pinned(&loose), "{loose}");
        }
    }
}
