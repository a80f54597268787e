//! The store, off the threads that serve the network.

use std::sync::Arc;

use crate::subnet::evidence::{EvidenceStore, StoreError};

/// Asks the store without holding up anybody else.
#[derive(Clone)]
pub(super) struct Memory(pub(super) Arc<dyn EvidenceStore>);

impl Memory {
    pub(super) async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn EvidenceStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.0.clone();
        tokio::task::spawn_blocking(move || ask(&*store))
            .await
            .map_err(|error| StoreError(format!("its thread ended: {error}")))?
    }
}
