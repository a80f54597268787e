//! Provider adapters of this generation: an instance for each call, which may
//! reach outside as far as it was granted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use wasmtime::component::Instance as Component;
use wasmtime::{AsContextMut, Store};

use super::bindings::exports::compute::subnet::provider as wit;
use super::check::provider as check;
use super::size::Size;
use super::{Exports, convert};
use crate::plugin::call::Loaded;
use crate::plugin::guest::{Chance, Guest};
use crate::plugin::outside::Outside;
use crate::subnet::plugin::{Called, PluginError, PluginId};
use crate::subnet::provider::{Instance, Offer, Order, ProviderAdapter, ProviderError, Query};

/// An adapter behind the subnet's trait.
pub(in crate::plugin) struct Adapter {
    pub(in crate::plugin) loaded: Arc<Loaded>,
    pub(in crate::plugin) outside: Outside,
}

type Said<T> = Result<T, wit::Failure>;

#[async_trait]
impl ProviderAdapter for Adapter {
    fn id(&self) -> &PluginId {
        &self.loaded.id
    }

    async fn offers(&self, query: &Query) -> Result<Vec<Offer>, ProviderError> {
        let query = convert::query(query);
        let ask = move |adapter: &wit::Guest, store: &mut Store<Guest>| {
            adapter.call_offers(store, &query)
        };
        self.call(ask, check::offers).await
    }

    async fn provision(&self, order: &Order) -> Result<Instance, ProviderError> {
        let asked = convert::order(order);
        let ask = move |adapter: &wit::Guest, store: &mut Store<Guest>| {
            adapter.call_provision(store, &asked)
        };
        self.call(ask, |given| check::provisioned(given, order))
            .await
    }

    async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
        let ask = |adapter: &wit::Guest, store: &mut Store<Guest>| adapter.call_instances(store);
        self.call(ask, check::instances).await
    }

    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError> {
        let asked = id.to_owned();
        let ask = move |adapter: &wit::Guest, store: &mut Store<Guest>| {
            adapter.call_inspect(store, &asked)
        };
        self.call(ask, |given| check::same(given, id)).await
    }

    async fn extend(&self, id: &str, ends_at: u64) -> Result<Instance, ProviderError> {
        let asked = id.to_owned();
        let ask = move |adapter: &wit::Guest, store: &mut Store<Guest>| {
            adapter.call_extend(store, &asked, ends_at)
        };
        self.call(ask, |given| check::same(given, id)).await
    }

    async fn terminate(&self, id: &str) -> Result<(), ProviderError> {
        let asked = id.to_owned();
        let ask = move |adapter: &wit::Guest, store: &mut Store<Guest>| {
            adapter.call_terminate(store, &asked)
        };
        self.call(ask, Ok).await
    }
}

impl Adapter {
    /// Asks, checks the answer, counts the call and remembers what went wrong.
    async fn call<T: Size + Send + 'static, U>(
        &self,
        ask: impl FnOnce(&wit::Guest, &mut Store<Guest>) -> wasmtime::Result<Said<T>> + Send + 'static,
        check: impl FnOnce(T) -> Result<U, PluginError> + Send,
    ) -> Result<U, ProviderError> {
        let started = Instant::now();
        let called = self.ask(ask).await.and_then(|called| {
            let value = match called.value {
                Ok(given) => Ok(check(given)?),
                Err(failure) => Err(check::failure(failure)),
            };
            Ok(Called {
                value,
                fuel: called.fuel,
                memory_bytes: called.memory_bytes,
                elapsed: called.elapsed,
            })
        });
        self.loaded.count(&called, started.elapsed());
        let answer = match called {
            Ok(called) => called.value,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &answer {
            self.loaded.trouble.note(error);
        }
        answer
    }

    async fn ask<T: Size + Send + 'static>(
        &self,
        ask: impl FnOnce(&wit::Guest, &mut Store<Guest>) -> wasmtime::Result<Said<T>> + Send + 'static,
    ) -> Result<Called<Said<T>>, PluginError> {
        let way = self.outside.open(&self.loaded.id.name, &self.loaded.wants);
        let way = Arc::new(way);
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let called = self
            .loaded
            .call(Chance::Real, move |exports, store, instance| {
                begins.store(true, Ordering::Relaxed);
                store.data_mut().way = Some(way);
                let adapter = adapter(exports)?.load(store.as_context_mut(), instance)?;
                let said = ask(&adapter, store)?;
                store.data_mut().note_handed_over(said.size_bytes());
                Ok(said)
            })
            .await;
        match called {
            // Money may have moved by then: not an end that came before it.
            Err(PluginError::ShuttingDown) if begun.load(Ordering::Relaxed) => {
                let text = "the node broke off in the middle of it".into();
                Err(PluginError::Trapped(text))
            }
            called => called,
        }
    }
}

fn adapter(exports: &Exports) -> wasmtime::Result<&wit::GuestIndices> {
    exports
        .provider()
        .ok_or_else(|| wasmtime::Error::msg("not a provider adapter"))
}

/// Asks an adapter what it wants to be granted; nothing in other worlds.
pub(in crate::plugin) fn wants(
    exports: &Exports,
    store: &mut Store<Guest>,
    instance: &Component,
) -> wasmtime::Result<Vec<wit::Want>> {
    match exports.provider() {
        None => Ok(Vec::new()),
        Some(indices) => indices
            .load(store.as_context_mut(), instance)?
            .call_wants(store),
    }
}
