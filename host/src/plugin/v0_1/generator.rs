//! Challenge generators of this generation.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use wasmtime::AsContextMut;

use super::{check, convert};
use crate::plugin::call::Loaded;
use crate::plugin::guest::Chance;
use crate::subnet::challenge::{Exchange, Session, Step};
use crate::subnet::plugin::{Called, ChallengeGenerator, PluginError, PluginId};

/// A generator behind the subnet's trait.
pub(in crate::plugin) struct Generator(pub(in crate::plugin) Arc<Loaded>);

#[async_trait]
impl ChallengeGenerator for Generator {
    fn id(&self) -> &PluginId {
        &self.0.id
    }

    async fn advance(
        &self,
        session: &Session,
        transcript: &[Exchange],
    ) -> Result<Called<Step>, PluginError> {
        let started = Instant::now();
        let chance = Chance::seeded(&session.seed);
        let seed = session.seed;
        let session = convert::session(session);
        let asked = transcript.len();
        let transcript: Vec<_> = transcript.iter().map(convert::exchange).collect();
        let called = self
            .0
            .call(chance, move |exports, store, instance| {
                let challenge = exports
                    .challenge()
                    .ok_or_else(|| wasmtime::Error::msg("not a generator"))?
                    .load(store.as_context_mut(), instance)?;
                challenge.call_advance(store, &session, &transcript)
            })
            .await;
        super::read(&self.0, started, called, |given| {
            check::step(given, asked, &seed)
        })
    }
}
