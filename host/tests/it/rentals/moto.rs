//! EC2 as moto has it, and a node that rents there.

use std::collections::BTreeMap;
use std::path::Path;

use super::kills::World;
use crate::clouds::moto::Moto;

/// Machines at once.
const ROOM: u64 = 5;
/// As `host provider offers` calls it.
const MACHINE: &str = "provider-aws/us-east-1/g5.xlarge/on-demand";
const ORDER_TAG: &str = "<key>compute-subnet-order</key>";

pub(super) struct OnMoto(Moto);

impl OnMoto {
    /// `None` where it is not installed.
    pub(super) fn start() -> Option<Self> {
        Some(Self(Moto::start()?))
    }

    /// What the node has to be told; its key is a file in `home`.
    pub(super) fn config(&self, home: &Path) -> String {
        let key = home.join("aws.key");
        let profile = "aws_access_key_id = AKIAIOSFODNN7TESTKEY\n\
                       aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYTESTKEY1234\n";
        std::fs::write(&key, profile).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key, private).unwrap();
        let origin = format!("http://{}", self.0.address);
        format!(
            "miner.providers = [\"provider-aws\"]\n\
             [rentals]\nspend-per-day-micro-usd-max = 1_000_000_000\nsettle-s = 2\nreconcile-s = 3\n\
             [plugins.provider-aws.settings]\nendpoint = \"{origin}\"\ntimeout-ms = 60000\n\
             instance-types = [\"g5.xlarge\"]\n\
             prices = {{ us-east-1 = {{ \"g5.xlarge\" = 1006000 }} }}\n\
             [plugins.provider-aws.grant]\nprivate-origins = [\"{origin}\"]\n\
             [credentials.aws]\nfrom = \"file:{}\"\nas = \"sigv4\"\norigins = [\"{origin}\"]\n\
             plugins = [\"provider-aws\"]\n",
            key.display(),
        )
    }

    /// Order and state of every machine there ever was.
    fn machines(&self) -> Vec<(String, String)> {
        let told = self.0.says("Action=DescribeInstances");
        // Each was asked for by itself.
        let machines = told.split("<instancesSet>").skip(1);
        let read = machines.filter_map(|machine| {
            let order = machine.split_once(ORDER_TAG)?.1;
            let state = machine.split_once("<instanceState>")?.1;
            Some((inside(order, "value")?, inside(state, "name")?))
        });
        read.collect()
    }
}

/// What the first element of that name holds.
fn inside(text: &str, name: &str) -> Option<String> {
    let rest = text.split_once(&format!("<{name}>"))?.1;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

impl World for OnMoto {
    fn machine(&self) -> String {
        MACHINE.to_owned()
    }

    fn room(&self) -> u64 {
        ROOM
    }

    fn running(&self) -> Vec<String> {
        let machines = self.machines().into_iter();
        let alive = machines.filter(|(_, state)| state != "terminated");
        alive.map(|(order, _)| order).collect()
    }

    fn bought(&self) -> BTreeMap<String, usize> {
        let mut bought = BTreeMap::new();
        for (order, _) in self.machines() {
            *bought.entry(order).or_insert(0) += 1;
        }
        bought
    }
}
