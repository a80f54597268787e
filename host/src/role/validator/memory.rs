//! The store, off the threads that serve the network.

use std::sync::Arc;

use crate::subnet::evidence::{EvidenceStore, StoreError};

/// Asks a store without holding up anybody else.
pub(super) struct Memory<S: ?Sized = dyn EvidenceStore>(pub(super) Arc<S>);

impl<S: ?Sized + Send + Sync + 'static> Memory<S> {
    pub(super) async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&S) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.0.clone();
        tokio::task::spawn_blocking(move || ask(&*store))
            .await
            .map_err(|error| StoreError(format!("its thread ended: {error}")))?
    }
}
