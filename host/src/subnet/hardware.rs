//! What a machine is made of, in the words of `types.wit`.

use serde::{Deserialize, Serialize};

/// Identical accelerators in one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// As the driver reports it: `NVIDIA H100 80GB HBM3`.
    pub model: String,
    /// How many of them.
    pub count: u32,
    /// Memory of one card.
    pub memory_mib: u64,
    /// As the driver reports them; empty where unknown.
    #[serde(default)]
    pub uuids: Vec<String>,
}

/// A named text: `nvidia-driver` is `580.65.06`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Kebab-case.
    pub name: String,
    /// Free text from whoever says it: escape before showing.
    pub value: String,
}

/// What a machine is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// Grouped by model.
    #[serde(default)]
    pub gpus: Vec<Gpu>,
    /// The processor's model name.
    pub cpu_model: String,
    /// Hardware threads, not sockets or cores.
    pub cpu_threads: u32,
    /// Main memory.
    pub memory_mib: u64,
    /// Of the disk the node works on.
    pub disk_mib: u64,
    /// Facts nobody foresaw.
    #[serde(default)]
    pub labels: Vec<Label>,
}

/// A named number; the name ends in its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Kebab-case: `proven-mops`.
    pub name: String,
    /// In the unit its name ends in.
    pub value: i64,
}

/// What this machine is and how busy it is right now.
pub trait Machine: Send + Sync {
    /// Reads the machine; may block for some milliseconds.
    fn hardware(&self) -> Hardware;
    /// Load and traffic, by the names of `wit/README.md`; may block likewise.
    fn metrics(&self) -> Vec<Metric>;
}
