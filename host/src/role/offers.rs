//! What can be rented now, from all adapters at once.
//!
//! They are asked side by side, so the slowest decides how long it takes, and one
//! that fails is a line of the answer and no failure of the others. What an
//! adapter returns that is not what was asked for is left out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::subnet::plugin::{PluginError, PluginId};
use crate::subnet::provider::{Offer, ProviderAdapter, ProviderError, Query};

/// What one adapter said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Which adapter.
    pub adapter: PluginId,
    /// What it has, or why nobody knows.
    pub offers: Result<Vec<Offer>, ProviderError>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Asks all of `adapters`, each for at most `patience`.
pub async fn survey(
    adapters: &[Arc<dyn ProviderAdapter>],
    query: &Query,
    patience: Duration,
) -> Vec<Surveyed> {
    join_all(
        adapters
            .iter()
            .map(|adapter| ask(&**adapter, query, patience)),
    )
    .await
}

async fn ask(adapter: &dyn ProviderAdapter, query: &Query, patience: Duration) -> Surveyed {
    let begun = Instant::now();
    let asked = tokio::time::timeout(patience, adapter.offers(query)).await;
    let mut offers = asked.unwrap_or_else(|_| {
        let ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        Err(PluginError::Deadline(ms).into())
    });
    if let Ok(offers) = &mut offers {
        offers.retain(|offer| query.matches(offer));
    }
    Surveyed {
        adapter: adapter.id().clone(),
        offers,
        elapsed: begun.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::hardware::Hardware;
    use crate::subnet::plugin::Digest;
    use crate::subnet::provider::{Instance, Order};
    use async_trait::async_trait;
    use tokio::sync::Barrier;

    /// Answers when all of them have been asked, or never.
    struct Fake {
        id: PluginId,
        asked: Option<Arc<Barrier>>,
        prices: Result<Vec<u64>, ProviderError>,
    }

    #[async_trait]
    impl ProviderAdapter for Fake {
        fn id(&self) -> &PluginId {
            &self.id
        }

        async fn offers(&self, _: &Query) -> Result<Vec<Offer>, ProviderError> {
            let Some(asked) = &self.asked else {
                return std::future::pending().await;
            };
            asked.wait().await;
            let prices = self.prices.clone()?;
            Ok(prices.into_iter().map(offer).collect())
        }

        async fn provision(&self, _: &Order) -> Result<Instance, ProviderError> {
            Err(ProviderError::NoCapacity)
        }

        async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
            Ok(vec![])
        }

        async fn inspect(&self, _: &str) -> Result<Instance, ProviderError> {
            Err(ProviderError::NotFound)
        }

        async fn extend(&self, _: &str, _: u64) -> Result<Instance, ProviderError> {
            Err(ProviderError::NotFound)
        }

        async fn terminate(&self, _: &str) -> Result<(), ProviderError> {
            Ok(())
        }
    }

    fn offer(price: u64) -> Offer {
        Offer {
            id: price.to_string(),
            hardware: Hardware::default(),
            region: String::new(),
            price_micro_usd_per_hour: price,
            interruptible: false,
            labels: vec![],
        }
    }

    fn fake(
        asked: Option<&Arc<Barrier>>,
        prices: Result<Vec<u64>, ProviderError>,
    ) -> Arc<dyn ProviderAdapter> {
        let id = PluginId {
            name: "fake".into(),
            version: "1.0.0".into(),
            digest: Digest([0; 32]),
            settings: Digest([0; 32]),
        };
        Arc::new(Fake {
            id,
            asked: asked.cloned(),
            prices,
        })
    }

    #[tokio::test]
    async fn all_are_asked_at_once_and_one_that_fails_is_a_line() {
        let asked = Arc::new(Barrier::new(2));
        let adapters = [
            fake(Some(&asked), Ok(vec![1, 9])),
            fake(Some(&asked), Err(ProviderError::NoCapacity)),
        ];
        let query = Query {
            price_micro_usd_per_hour_max: Some(5),
            ..Query::default()
        };
        let surveyed = survey(&adapters, &query, Duration::from_secs(600)).await;
        assert_eq!(surveyed[0].offers, Ok(vec![offer(1)]));
        assert_eq!(surveyed[1].offers, Err(ProviderError::NoCapacity));
    }

    #[tokio::test]
    async fn one_that_never_answers_is_waited_for_as_long_as_was_said() {
        let adapters = [fake(None, Ok(vec![]))];
        let surveyed = survey(&adapters, &Query::default(), Duration::from_millis(7)).await;
        let late = ProviderError::Plugin(PluginError::Deadline(7));
        assert_eq!(surveyed[0].offers, Err(late));
    }
}
