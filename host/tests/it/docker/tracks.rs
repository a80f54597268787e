//! What a node leaves on an engine and on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::Digest as _;

use super::Engine;

/// A node, as its engine knows it.
pub(crate) struct Tracks<'a> {
    engine: &'a Engine,
    tag: String,
    disks: PathBuf,
}

impl<'a> Tracks<'a> {
    /// `node` and `folder` as `ContainersOptions` has them.
    pub(crate) fn new(engine: &'a Engine, node: &str, folder: &Path) -> Self {
        Self {
            engine,
            tag: hex::encode(&sha2::Sha256::digest(node.as_bytes())[..5]),
            disks: folder.join("disks"),
        }
    }

    /// What marks the node's containers.
    pub(crate) fn label(&self) -> String {
        format!("label=compute-subnet.node={}", self.tag)
    }

    /// Names of its containers in `docker ps`, all of them with `-a`.
    pub(crate) fn ps(&self, all: &[&str]) -> Vec<String> {
        let label = self.label();
        let arguments = ["ps", "--filter", &label, "--format", "{{.Names}}"];
        let listed = self.engine.docker(&[&arguments[..], all].concat());
        listed.lines().map(str::to_owned).collect()
    }

    /// The bridge, which is named after the node.
    pub(super) fn bridge(&self) -> String {
        format!("hr{}", self.tag)
    }

    /// The disks there are.
    pub(crate) fn disks(&self) -> usize {
        std::fs::read_dir(&self.disks).unwrap().count()
    }

    /// Takes everything away.
    pub(crate) fn sweep(&self) {
        for name in self.ps(&["-a"]) {
            self.engine.docker(&["rm", "-f", &name]);
        }
        let disks = std::fs::read_dir(&self.disks).into_iter().flatten();
        for device in disks
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        {
            let _ = Command::new("losetup").arg("--detach").arg(device).output();
        }
        let bridge = self.bridge();
        let _ = self
            .engine
            .command()
            .args(["network", "rm", &bridge])
            .output();
        let _ = Command::new("nft")
            .args(["delete", "table", "inet", &bridge])
            .output();
    }
}
