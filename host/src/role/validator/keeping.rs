//! Puts on record what it takes to repeat a call: the plugin itself.

use tracing::warn;

use crate::subnet::evidence::StoreError;
use crate::subnet::plugin::PluginId;

use super::Means;
use super::memory::Memory;

/// Keeps a plugin's bytes and settings, unless they are kept already. One that
/// is gone can still be repeated by whoever has its .wasm.
pub(super) async fn keep(means: &Means, id: &PluginId) -> Result<(), StoreError> {
    let (plugins, id) = (means.plugins.clone(), id.clone());
    Memory(means.store.clone())
        .with(move |store| {
            if store.keeps_plugin(&id)? {
                return Ok(());
            }
            match plugins.kept(&id) {
                Some(plugin) => store.keep_plugin(&plugin),
                None => {
                    warn!(plugin = id.name, digest = %id.digest, "its bytes are gone: to repeat its calls you need its .wasm");
                    Ok(())
                }
            }
        })
        .await
}
