//! Names to addresses, by the system's resolver, within bounds.
//!
//! A name is looked up once for each request, and the connection goes to an
//! address of that very answer: a name that leads elsewhere a moment later is of
//! no use to whoever controls it. One address that may not be called is reason
//! enough to call none.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Look-ups under way; each holds a thread until the system answers.
const LOOKUPS_MAX: usize = 16;
/// Addresses of one name that are considered.
pub(super) const ADDRESSES_MAX: usize = 16;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, each with `port`.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's own.
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let turn = self.lookups.clone().acquire_owned().await;
        let turn = turn.map_err(io::Error::other)?;
        let host = host.to_owned();
        // Who waited may leave, the thread stays until it has its answer: a task of
        // its own keeps the turn as long.
        let lookup = tokio::spawn(async move {
            let _turn = turn;
            let found = tokio::net::lookup_host((host.as_str(), port)).await?;
            Ok(found.take(ADDRESSES_MAX).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn this_machine_has_an_address() {
        let found = SystemResolver::default()
            .resolve("localhost", 80)
            .await
            .unwrap();
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 80)
        );
    }
}
