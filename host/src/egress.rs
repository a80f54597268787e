//! The way out for plugins: HTTP as far as an operator granted it.
//!
//! A plugin names an origin and a credential; it never holds a secret and never
//! opens a connection. Promised:
//!
//! - **Where.** A request leaves only for an origin (scheme, host, port: exact, no
//!   wildcards; a cloud's regions are granted one by one) that the plugin's
//!   component wants *and* its operator grants. https alone, http to this machine
//!   where that is granted. Names are looked up here, once for each request; every
//!   address must be public, or private where that very origin is granted so, and
//!   never link-local or a metadata service; the connection goes to the address
//!   that was checked. Redirects come back as they are.
//! - **With what.** A credential is bound to plugins, origins and one way of use.
//!   It is read when it is used and put in when the plugin can no longer reach the
//!   request, and it is looked for in all that comes back ([`scrub`] says how, and
//!   what that cannot do).
//! - **How much.** Requests, bytes and time are bounded by request, call and day.
//!
//! A refusal is told with the configuration that would allow it. Nothing is
//! decoded, no cookie is kept, no proxy is used, no connection is used twice.
//!
//! ```text
//! plugin ─ Request ─> call ─ admit, gate ─ vault ─ resolve ─ connect ─ proof ─ exchange ─> server
//!        <─ Response ──────────────────── handover, scrub <──────────────────────────┘
//! ```

mod admit;
mod advice;
mod aws;
mod budget;
mod call;
mod connect;
mod exchange;
mod gate;
mod handover;
mod proof;
mod resolve;
mod scrub;
mod secret;
mod vault;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::subnet::grant::{EgressLimits, Grants};
use crate::subnet::outbound::{Egress, Outbound};
use crate::subnet::provider::Want;

pub use resolve::{Resolver, SystemResolver};
pub use vault::{Environment, Vault};

/// Requests under way, all plugins together: each may hold a whole response.
const REQUESTS_AT_ONCE_MAX: usize = 32;

/// Tells what day it is, and what time requests are signed at.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Why there is no way out at all.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// `egress.ca-file` cannot be used.
    #[error("`egress.ca-file`, {path}: {why}", path = path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("TLS")]
    Tls(#[from] rustls::Error),
}

/// What the outside world is to it; a test puts another in its place.
pub struct World {
    /// Finds addresses.
    pub resolver: Arc<dyn Resolver>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps secrets.
    pub vault: Vault,
}

impl World {
    /// This machine's resolver, clock, variables and keyring.
    pub fn of_this_system() -> Self {
        Self {
            resolver: Arc::new(SystemResolver::default()),
            clock: Arc::new(SystemClock),
            vault: Vault::of_this_system(),
        }
    }
}

/// HTTP/1.1 over TLS.
pub struct HttpEgress {
    shared: Arc<Shared>,
}

/// What all calls have in common.
struct Shared {
    grants: Grants,
    limits: EgressLimits,
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
    vault: Vault,
    tls: TlsConnector,
    days: Arc<budget::Days>,
    turns: Semaphore,
}

impl HttpEgress {
    /// Opens nothing yet; reads `egress.ca-file`.
    pub fn new(grants: Grants, limits: EgressLimits, world: World) -> Result<Self, EgressError> {
        let shared = Shared {
            tls: connect::connector(limits.ca_file.as_deref())?,
            days: Arc::new(budget::Days::new(&limits, world.clock.clone())),
            turns: Semaphore::new(REQUESTS_AT_ONCE_MAX),
            grants,
            limits,
            resolver: world.resolver,
            clock: world.clock,
            vault: world.vault,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl Egress for HttpEgress {
    fn open(&self, plugin: &str, wants: &[Want]) -> Arc<dyn Outbound> {
        Arc::new(call::Call::new(self.shared.clone(), plugin, wants))
    }

    fn missing(&self, plugin: &str, wants: &[Want]) -> Vec<String> {
        advice::missing(&self.shared.grants, &self.shared.vault, plugin, wants)
    }
}
