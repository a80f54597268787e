//! What a renter reaches from inside: the internet, and nothing of ours.

use std::net::TcpListener;
use std::process::Command;

use host::subnet::workload::Workloads as _;

use super::engine;
use super::stage::{OWNER, Stage};

/// Somebody's address on the internet, answered by a namespace of this test's.
const PUBLIC: &str = "45.33.32.156";
const NAMESPACE: &str = "host-it-public";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renter_reaches_the_internet_and_nothing_of_ours() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "inside");
    let one = stage.launch("one").await;
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = stage.says(
        &one,
        "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'",
    );
    assert!(gateway.parse::<std::net::Ipv4Addr>().is_ok(), "{gateway}");
    let reaches = |host: &str, port: u16| {
        let command = format!("nc -w 2 {host} {port} </dev/null && echo reached");
        stage.says(&one, &command).contains("reached")
    };
    // The same listener answers the host itself at that address.
    let (own, at) = (gateway.clone(), port);
    std::net::TcpStream::connect((own.as_str(), at)).unwrap();
    assert!(!reaches(&gateway, port), "the host, at the gateway");
    assert!(!reaches("169.254.169.254", 80), "the metadata service");
    for own in addresses() {
        assert!(!reaches(&own, port), "the host, at {own}");
    }
    // Every port that it opens itself.
    stage.says(
        &one,
        "for p in 80 443 2375 8091; do (nc -l -p $p </dev/null &) ; done; true",
    );
    let address = stage.says(
        &one,
        "ip -4 -o addr show eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'",
    );
    if stage.containers.free().await.unwrap().cpu_threads > 0 {
        let two = stage.launch("two").await;
        for port in [22, 80] {
            let said = stage.says(
                &two,
                &format!("nc -w 2 {address} {port} </dev/null && echo reached"),
            );
            assert!(!said.contains("reached"), "another rental at {port}");
        }
        stage.containers.stop(OWNER, "two").await.unwrap();
    }
    let published = stage.engine.docker(&["port", &stage.ps(&[])[0]]);
    assert_eq!(published.lines().count(), 1, "{published}");

    // Rules that say no to everything would have passed all of the above.
    let Some(_internet) = Internet::open() else {
        return;
    };
    assert!(reaches(PUBLIC, 80), "the internet");
    assert!(
        !reaches("10.253.254.2", 80),
        "the same machine, at a private address"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renter_is_root_of_very_little() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "little");
    let one = stage.launch("one").await;
    assert_eq!(
        stage.says(&one, "grep NoNewPrivs /proc/self/status | cut -f2"),
        "1"
    );
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SYS_CHROOT.
    let bounding = stage.says(&one, "grep CapBnd /proc/self/status | cut -f2");
    assert_eq!(u64::from_str_radix(&bounding, 16).unwrap(), 0x4_00fb);
    for denied in [
        "mount -t tmpfs none /tmp",
        "mknod /root/sda b 8 0",
        "hostname other",
        "ls /var/run/docker.sock",
        "echo 1 > /proc/sys/kernel/panic",
        "ip link set eth0 down",
    ] {
        assert_eq!(
            stage.says(&one, &format!("{denied} 2>/dev/null && echo done")),
            "",
            "{denied}"
        );
    }
    assert_eq!(stage.says(&one, "env | grep -c RENTAL_"), "0");
    let mounts = stage.engine.docker(&[
        "inspect",
        "-f",
        "{{len .HostConfig.Binds}} {{.HostConfig.Privileged}} {{.HostConfig.RestartPolicy.Name}}",
        &stage.ps(&[])[0],
    ]);
    assert_eq!(mounts, "0 false no");
}

/// This machine's own addresses.
fn addresses() -> Vec<String> {
    let output = Command::new("ip")
        .args(["-4", "-o", "addr", "show", "scope", "global"])
        .output();
    let listed = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    let own = listed.lines().filter_map(|line| {
        let inet = line
            .split_whitespace()
            .skip_while(|word| *word != "inet")
            .nth(1)?;
        Some(inet.split('/').next()?.to_owned())
    });
    own.collect()
}

/// A namespace with a public and a private address, which nothing leaves.
struct Internet(std::process::Child);

impl Internet {
    fn open() -> Option<Self> {
        let script = format!(
            "set -e
            ip netns add {NAMESPACE}
            ip link add hostitpub type veth peer name inner netns {NAMESPACE}
            ip addr add 10.253.254.1/30 dev hostitpub
            ip link set hostitpub up
            ip -n {NAMESPACE} addr add 10.253.254.2/30 dev inner
            ip -n {NAMESPACE} addr add {PUBLIC}/32 dev inner
            ip -n {NAMESPACE} link set inner up
            ip -n {NAMESPACE} route add default via 10.253.254.1
            ip route add {PUBLIC}/32 via 10.253.254.2"
        );
        let made = Command::new("sh").args(["-c", &script]).output().unwrap();
        if !made.status.success() {
            let error = String::from_utf8_lossy(&made.stderr).into_owned();
            close();
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "no namespace: {error}"
            );
            eprintln!("skipped: no network namespace: {error}");
            return None;
        }
        let mut server = Command::new("ip");
        server.args([
            "netns", "exec", NAMESPACE, "busybox", "nc", "-ll", "-p", "80", "-e", "echo",
        ]);
        let server = server.spawn().unwrap();
        let up = || std::net::TcpStream::connect((PUBLIC, 80)).is_ok();
        while !up() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Some(Self(server))
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        close();
    }
}

fn close() {
    let _ = Command::new("ip")
        .args(["link", "del", "hostitpub"])
        .output();
    let _ = Command::new("ip")
        .args(["netns", "del", NAMESPACE])
        .output();
}
