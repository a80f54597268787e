//! Logs in to a rented machine and looks around, by SSH.
//!
//! Whoever is there may be hostile, so everything is bounded: the connection
//! carries so many bytes and lives so long, whatever is said over it; each step
//! has its own time; only fixed commands are run, and only so much of their
//! output is read. A machine is who its pinned host key proves: nothing is
//! trusted at first sight, and another key ends the connection before the login.
//!
//! ```text
//! name ─ resolve ─ every address checked ─ TCP ─ key exchange ─ host key = pin?
//!      ─ login with a key made for this machine ─ fixed commands ─ Hardware
//! ```
//!
//! Key exchange by ML-KEM with X25519 or by X25519 alone, authenticated ciphers,
//! no compression: a machine that offers less is refused, not met halfway. No
//! forwarding, no agent, and every channel the machine opens is rejected.

mod commands;
mod dial;
mod handler;
mod reading;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};

use crate::subnet::address::AddressPolicy;
use crate::subnet::probe::{ProbeError, Prober, Seen, Visit};
use crate::subnet::provider::SshEndpoint;

/// The most that a machine may send in one visit, in bytes.
pub const RECEIVED_BYTES_MAX: usize = 1 << 20;
/// The most that is sent to a machine in one visit, in bytes: a key exchange and
/// some commands. Bounds how often it can demand a new key exchange.
pub const SENT_BYTES_MAX: usize = 64 << 10;

/// What a visit may take.
#[derive(Debug, Clone)]
pub struct SshOptions {
    /// Which addresses may be called.
    pub addresses: AddressPolicy,
    /// For all of it.
    pub whole_time: Duration,
    /// For the look-up, and again for the TCP connection. 10 s.
    pub connect_time: Duration,
    /// For the key exchange, and again for the login. 15 s.
    pub login_time: Duration,
    /// For each command. 10 s.
    pub command_time: Duration,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::PublicOnly,
            whole_time: Duration::from_secs(60),
            connect_time: Duration::from_secs(10),
            login_time: Duration::from_secs(15),
            command_time: Duration::from_secs(10),
        }
    }
}

/// Visits machines.
pub struct SshProber {
    options: Arc<SshOptions>,
}

impl SshProber {
    /// Every visit takes at most what `options` say.
    pub fn new(options: SshOptions) -> Self {
        Self {
            options: Arc::new(options),
        }
    }
}

impl Prober for SshProber {
    fn prepare(&self) -> Result<Box<dyn Visit>, ProbeError> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| ProbeError::Own(error.to_string()))?;
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        let public = PublicKey::from(key.public_key().key_data().clone())
            .to_openssh()
            .map_err(|error| ProbeError::Own(error.to_string()))?;
        Ok(Box::new(SshVisit {
            options: self.options.clone(),
            key: Arc::new(key),
            public: public.trim_end().to_owned(),
        }))
    }
}

/// One machine's visit. The key is in memory alone, and gone with it.
struct SshVisit {
    options: Arc<SshOptions>,
    key: Arc<PrivateKey>,
    public: String,
}

#[async_trait]
impl Visit for SshVisit {
    fn ssh_public_key(&self) -> &str {
        &self.public
    }

    async fn look(&self, at: &SshEndpoint) -> Result<Seen, ProbeError> {
        let whole = self.options.whole_time;
        let visit = session::visit(&self.options, &self.key, at);
        within("end of the visit", whole, visit).await?
    }
}

/// Waits so long for what is named.
async fn within<T>(
    what: &'static str,
    time: Duration,
    work: impl Future<Output = T>,
) -> Result<T, ProbeError> {
    tokio::time::timeout(time, work)
        .await
        .map_err(|_| ProbeError::TimedOut {
            what,
            ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        })
}
