//! What an operator grants plugins: which servers, with whose credentials, and
//! whether the machine itself. Data; who enforces it is told it.
//!
//! Nothing is granted by default, and a grant alone opens nothing: a plugin
//! reaches what its operator grants *and* its component wants. A credential is
//! bound to plugins, to origins and to one way of use, so that a plugin cannot
//! have it sent where it would be shown.

mod credential;
mod origin;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use credential::{Credential, Source, Usage};
pub use origin::{Origin, OriginError, Scheme};

/// All that is granted: `[plugins.NAME.grant]` and `[credentials.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// By plugin.
    pub plugins: BTreeMap<String, Grant>,
    /// By the credential's name.
    pub credentials: BTreeMap<String, Credential>,
}

impl Grants {
    /// Whether `plugin` may use the `machine` interface.
    pub fn machine(&self, plugin: &str) -> bool {
        self.plugins.get(plugin).is_some_and(|grant| grant.machine)
    }
}

/// What one plugin may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// Servers on the internet; their addresses must be public.
    pub origins: BTreeSet<Origin>,
    /// Servers whose addresses may also be loopback or private: an engine on this
    /// machine, a mirror in one's own network. Never link-local or metadata ones.
    pub private_origins: BTreeSet<Origin>,
    /// The `machine` interface: containers on this machine.
    pub machine: bool,
}

/// `[egress]`: what plugins may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressLimits {
    /// Requests of one call of a plugin, refused ones too.
    pub requests_per_call_max: u32,
    /// What one call sends, heads and bodies.
    pub sent_kib_per_call_max: u64,
    /// What one call receives, heads and bodies.
    pub received_kib_per_call_max: u64,
    /// What all requests of one call may take together.
    pub call_time: Duration,
    /// What one request may take, whatever its plugin asks for.
    pub request_time: Duration,
    /// One request's body.
    pub request_kib_max: u64,
    /// One response's body.
    pub response_kib_max: u64,
    /// Requests of one plugin on one day, UTC.
    pub requests_per_day_max: u32,
    /// What one plugin sends and receives on one day, UTC.
    pub mib_per_day_max: u64,
    /// Certificates, in PEM, that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            requests_per_call_max: 64,
            sent_kib_per_call_max: 1 << 10,
            received_kib_per_call_max: 64 << 10,
            call_time: Duration::from_secs(120),
            request_time: Duration::from_secs(60),
            request_kib_max: 256,
            response_kib_max: 16 << 10,
            requests_per_day_max: 20_000,
            mib_per_day_max: 4 << 10,
            ca_file: None,
        }
    }
}
