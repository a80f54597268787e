//! What the adapters offer: asked side by side, kept for a bounded time, priced.
//!
//! Whoever looks gets what is known. Offers that have aged are asked for again
//! behind the back of who looks; only an adapter that was never heard is waited
//! for, and not long. One that fails or hangs takes nobody else's offers with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::subnet::letting::Rules;
use crate::subnet::plugin::Plugins;
use crate::subnet::provider::{OFFERS_MAX, Offer, ProviderAdapter, Query};
use crate::subnet::rental::Listing;
use crate::subnet::text::escape;

use super::clock::Clock;
use super::request::machine_id;
use super::tasks::Tasks;

/// How long somebody who looks waits for adapters that were never heard.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest name of an offer or of its place, in bytes.
const OFFER_ID_BYTES_MAX: usize = 1_024;

/// One adapter's last answer.
#[derive(Default)]
struct Heard {
    offers: Arc<Vec<Offer>>,
    /// When the offers came.
    at: Option<u64>,
    /// When it was last asked.
    asked: Option<u64>,
    /// One look at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What can be rented, by adapter.
pub(super) struct Board {
    plugins: Arc<dyn Plugins>,
    clock: Arc<dyn Clock>,
    rules: Arc<Rules>,
    tasks: Arc<Tasks>,
    heard: Mutex<BTreeMap<String, Heard>>,
}

impl Board {
    pub(super) fn new(
        plugins: Arc<dyn Plugins>,
        clock: Arc<dyn Clock>,
        rules: Arc<Rules>,
        tasks: Arc<Tasks>,
    ) -> Self {
        Self {
            plugins,
            clock,
            rules,
            tasks,
            heard: Mutex::default(),
        }
    }

    /// All that can be rented, priced: the miner's own machine first, then one of
    /// each adapter in turn, the cheapest first.
    pub(super) async fn listings(self: &Arc<Self>) -> Vec<Listing> {
        let (waiting, _) = self.ask_again();
        let all = futures::future::join_all(waiting);
        let _ = tokio::time::timeout(FIRST_WAIT, all).await;
        self.shown()
    }

    /// Asks all adapters whose offers have aged, side by side, and waits for them.
    pub(super) async fn refresh(self: &Arc<Self>) {
        let (first, again) = self.ask_again();
        futures::future::join_all(first.into_iter().chain(again)).await;
    }

    /// Asks one adapter for its offers now; if it was asked a moment ago, waits for
    /// that answer, and not long.
    pub(super) async fn refresh_one(self: &Arc<Self>, adapter: Arc<dyn ProviderAdapter>) {
        let now = self.clock.unix_s();
        let name = adapter.id().name.clone();
        let (asked, turn) = self.with(&name, |heard| (heard.asked, heard.turn.clone()));
        if asked.is_some_and(|asked| asked >= now) {
            let _ = tokio::time::timeout(FIRST_WAIT, turn.lock()).await;
            return;
        }
        // The look outlives whoever asked for it.
        let looking = self.clone().look(adapter, Some(now));
        let _ = self.tasks.spawn(looking).await;
    }

    /// What an adapter said may not hold any more. Of the miner's own machine, of
    /// which there is but one, it does not: nobody is shown it until it says more.
    pub(super) fn forget(&self, adapter: &str) {
        let own = adapter == self.rules.own_adapter;
        self.with(adapter, |heard| {
            heard.asked = None;
            if own {
                heard.at = None;
            }
        });
    }

    /// Those never heard, and those that were.
    fn ask_again(
        self: &Arc<Self>,
    ) -> (
        Vec<tokio::task::JoinHandle<()>>,
        Vec<tokio::task::JoinHandle<()>>,
    ) {
        let now = self.clock.unix_s();
        let due = now.saturating_sub(self.rules.offers_age_s);
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for adapter in self.plugins.providers() {
            let (asked, at) = self.with(&adapter.id().name, |heard| (heard.asked, heard.at));
            if asked.is_some_and(|asked| asked > due) && (at.is_some() || asked == Some(now)) {
                continue;
            }
            let look = self.tasks.spawn(self.clone().look(adapter, asked));
            match at {
                None => first.push(look),
                Some(_) => again.push(look),
            }
        }
        (first, again)
    }

    /// Asks one adapter, unless somebody did while this one waited for its turn.
    async fn look(self: Arc<Self>, adapter: Arc<dyn ProviderAdapter>, before: Option<u64>) {
        let name = adapter.id().name.clone();
        let turn = self.with(&name, |heard| heard.turn.clone());
        let _turn = turn.lock().await;
        let now = self.clock.unix_s();
        if self.with(&name, |heard| heard.asked > before) {
            return;
        }
        self.with(&name, |heard| heard.asked = Some(now));
        let limit = Duration::from_secs(self.rules.call_timeout_s);
        let query = Query::default();
        match tokio::time::timeout(limit, adapter.offers(&query)).await {
            Ok(Ok(offers)) => {
                let offers = Arc::new(sound(offers));
                self.with(&name, |heard| {
                    (heard.offers, heard.at) = (offers, Some(now));
                });
            }
            Ok(Err(error)) => {
                warn!(adapter = %name, why = escape(&error.to_string()), "no offers");
            }
            Err(_) => warn!(adapter = %name, seconds = limit.as_secs(), "no offers in time"),
        }
    }

    /// What is known and not stale, of adapters that are still here.
    fn shown(&self) -> Vec<Listing> {
        let now = self.clock.unix_s();
        let oldest = now.saturating_sub(self.rules.offers_stale_s);
        let mut own = None;
        let mut others = Vec::new();
        for adapter in self.plugins.providers() {
            let name = &adapter.id().name;
            let (offers, at) = self.with(name, |heard| (heard.offers.clone(), heard.at));
            if at.is_none_or(|at| at < oldest) {
                continue;
            }
            let mut listed = self.priced(name, &offers);
            if *name == self.rules.own_adapter {
                own = take_largest(&mut listed);
            }
            others.push(listed);
        }
        own.into_iter().chain(in_turn(others)).collect()
    }

    fn priced(&self, adapter: &str, offers: &[Offer]) -> Vec<Listing> {
        let let_out = offers
            .iter()
            .filter(|offer| self.rules.lets(adapter, offer));
        let mut listed: Vec<Listing> = let_out
            .filter_map(|offer| {
                Some(Listing {
                    machine: machine_id(adapter, &offer.id),
                    adapter: adapter.to_owned(),
                    price_micro_usd_per_hour: self.rules.price(adapter, offer)?,
                    offer: offer.clone(),
                })
            })
            .collect();
        listed.sort_by(|a, b| {
            let price = |listing: &Listing| listing.price_micro_usd_per_hour;
            (price(a), &a.offer.id).cmp(&(price(b), &b.offer.id))
        });
        listed
    }

    fn with<T>(&self, adapter: &str, work: impl FnOnce(&mut Heard) -> T) -> T {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        work(heard.entry(adapter.to_owned()).or_default())
    }
}

/// An answer without what makes no sense: too much, twice the same, names without
/// end.
fn sound(offers: Vec<Offer>) -> Vec<Offer> {
    let mut seen = std::collections::BTreeSet::new();
    let mut offers = offers;
    offers.truncate(OFFERS_MAX);
    offers.retain(|offer| {
        !offer.id.is_empty()
            && offer.id.len() <= OFFER_ID_BYTES_MAX
            && offer.region.len() <= OFFER_ID_BYTES_MAX
            && seen.insert(offer.id.clone())
    });
    offers
}

/// The miner's own machine is what its adapter offers most of, under no id.
fn take_largest(listed: &mut Vec<Listing>) -> Option<Listing> {
    let size = |listing: &Listing| {
        let hardware = &listing.offer.hardware;
        let cards: u32 = hardware
            .gpus
            .iter()
            .map(|gpu| gpu.count)
            .fold(0, u32::saturating_add);
        (cards, hardware.cpu_threads, hardware.memory_mib)
    };
    let (at, _) = listed
        .iter()
        .enumerate()
        .max_by_key(|(_, listing)| size(listing))?;
    let mut own = listed.remove(at);
    own.machine.clear();
    Some(own)
}

/// The first of each list, the second of each, and so on: no adapter with thousands
/// of offers crowds another out.
fn in_turn(lists: Vec<Vec<Listing>>) -> impl Iterator<Item = Listing> {
    let mut ranked: Vec<(usize, Listing)> = lists
        .into_iter()
        .flat_map(|list| list.into_iter().enumerate())
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, listing)| listing)
}
