//! One step of a rental's life after another: each writes what is about to be
//! done, does it, and writes what came of it.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::subnet::evidence::StoreError;
use crate::subnet::provider::{
    INSTANCES_MAX, Instance, InstanceState, Order, ProviderAdapter, ProviderError,
};
use crate::subnet::rental::{Phase, Rental};
use crate::subnet::ssh_key::ssh_key;
use crate::subnet::text::escape;

use super::book::Pace;
use super::labels::{self, label};
use super::office::Office;
use super::rules::provider_price_max;

/// Steps of one rental before others have their turn.
const STEPS_MAX: u32 = 16;
/// Looks that must not find an order before it is tried again.
const LOOKS: u32 = 2;
/// Between two looks for an adapter that is gone, in seconds.
const ABSENT_S: u64 = 60;
/// The longest name of an instance, in bytes.
const INSTANCE_ID_BYTES_MAX: usize = 1_024;
/// What a rental gets where nothing else was asked for, in MiB.
const DISK_MIB: u64 = 20 << 10;

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another step, at once.
    Again,
    /// Nothing until it is due.
    Wait,
}

impl Office {
    /// Holds a rental and does what is due.
    pub(super) async fn drive(self: &Arc<Self>, order_key: &str) {
        if let Some(_hold) = self.book.hold(order_key).await {
            self.work(order_key).await;
        }
    }

    /// Steps until there is nothing to do but wait. The caller holds the rental.
    pub(super) async fn work(self: &Arc<Self>, order_key: &str) {
        for _ in 0..STEPS_MAX {
            let Some((rental, pace)) = self.book.live(order_key) else {
                return;
            };
            match self.step(rental, pace).await {
                Ok(Next::Again) => {}
                Ok(Next::Wait) => return,
                Err(why) => {
                    error!(order = order_key, %why, "a rental waits for its ledger");
                    self.back_off(order_key);
                    return;
                }
            }
        }
        self.back_off(order_key);
    }

    async fn step(self: &Arc<Self>, rental: Rental, pace: Pace) -> Result<Next, StoreError> {
        match rental.phase.clone() {
            Phase::Intended => self.order(rental, &pace).await,
            // Whoever held it is gone, and with it what came of the call.
            Phase::Ordered => self.doubt(rental).await,
            Phase::Unknown { looks, since } => self.look(rental, &pace, looks, since).await,
            Phase::Running => self.watch(rental, pace).await,
            Phase::Ending { reason } => self.finish(rental, pace, reason).await,
            Phase::Ended { .. } | Phase::Refused { .. } => Ok(Next::Wait),
        }
    }

    /// Buys, if it is not too late.
    async fn order(self: &Arc<Self>, mut rental: Rental, pace: &Pace) -> Result<Next, StoreError> {
        let now = self.clock.unix_s();
        let until = rental.began_at.saturating_add(self.rules.order_timeout_s);
        if now >= rental.ends_at.min(until) {
            return self
                .refuse(rental, "late", "it could not be bought in time")
                .await;
        }
        if now < pace.not_before {
            return Ok(Next::Wait);
        }
        let Some(adapter) = self.adapter(&rental.adapter) else {
            return Ok(self.absent(&rental));
        };
        let Some(order) = self.order_of(&rental) else {
            return self
                .refuse(rental, "malformed", "its SSH key is none")
                .await;
        };
        rental.phase = Phase::Ordered;
        self.book.save(rental.clone()).await?;
        match self.call(adapter.provision(&order)).await {
            Ok(instance) => self.bought(rental, instance).await,
            Err(error) => self.not_bought(rental, error).await,
        }
    }

    async fn not_bought(
        self: &Arc<Self>,
        mut rental: Rental,
        error: ProviderError,
    ) -> Result<Next, StoreError> {
        let why = escape(&error.to_string());
        if error.effect_unknown() {
            warn!(order = %rental.order_key, adapter = %rental.adapter, %why, "whether it was bought is unknown");
            return self.doubt(rental).await;
        }
        match error {
            ProviderError::Busy(_) | ProviderError::Plugin(_) => {
                rental.phase = Phase::Intended;
                self.book.save(rental.clone()).await?;
                match error {
                    ProviderError::Busy(ms) => self.wait_busy(&rental, ms),
                    _ => drop(self.back_off(&rental.order_key)),
                }
                Ok(Next::Wait)
            }
            ProviderError::NoCapacity if rental.adapter == self.rules.own_adapter => {
                self.refuse(rental, "full", &why).await
            }
            // Whoever has a cloud's machines, it is not this miner that let them.
            ProviderError::NoCapacity | ProviderError::NotFound => {
                self.refuse(rental, "gone", &why).await
            }
            ProviderError::PriceRose(price) => {
                let rose_to = self.rules.markup(price).unwrap_or(u64::MAX);
                labels::set_refusal(&mut rental, "price-rose", Some(rose_to));
                self.refuse(rental, "price-rose", &why).await
            }
            ProviderError::Account(_) => {
                error!(adapter = %rental.adapter, %why, "the provider refuses this account: nothing can be rented there until it is mended");
                let told = "the miner's account with its provider has to be mended";
                self.refuse(rental, "account", told).await
            }
            _ => self.refuse(rental, "unsupported", &why).await,
        }
    }

    /// Something may have been bought: look.
    async fn doubt(self: &Arc<Self>, mut rental: Rental) -> Result<Next, StoreError> {
        rental.phase = Phase::Unknown {
            looks: 0,
            since: self.clock.unix_s(),
        };
        self.book.save(rental.clone()).await?;
        self.wait(&rental, 0);
        Ok(Next::Again)
    }

    /// Looks for what may have been bought: at once, and again a settle time later.
    async fn look(
        self: &Arc<Self>,
        mut rental: Rental,
        pace: &Pace,
        looks: u32,
        since: u64,
    ) -> Result<Next, StoreError> {
        let now = self.clock.unix_s();
        let due = match looks {
            0 => since,
            _ => since.saturating_add(self.rules.settle_s),
        };
        if now < due.max(pace.not_before) {
            self.wait(&rental, due.max(pace.not_before) - now);
            return Ok(Next::Wait);
        }
        let Some(adapter) = self.adapter(&rental.adapter) else {
            return Ok(self.absent(&rental));
        };
        match self.seen(&*adapter, &rental).await {
            Err(wait) => Ok(wait),
            Ok(Some(instance)) => self.bought(rental, instance).await,
            Ok(None) if looks + 1 >= LOOKS => {
                rental.phase = Phase::Intended;
                self.book.save(rental).await?;
                Ok(Next::Again)
            }
            Ok(None) => {
                rental.phase = Phase::Unknown {
                    looks: looks + 1,
                    since: now,
                };
                self.book.save(rental.clone()).await?;
                self.wait(&rental, self.rules.settle_s);
                Ok(Next::Wait)
            }
        }
    }

    /// What runs under a rental's key, if anything does; `Err` if that was not to be
    /// learned now.
    pub(super) async fn seen(
        &self,
        adapter: &dyn ProviderAdapter,
        rental: &Rental,
    ) -> Result<Option<Instance>, Next> {
        let instances = match self.call(adapter.instances()).await {
            Ok(instances) => instances,
            Err(error) => {
                self.hold_back(rental, &error, "what may have been bought cannot be seen");
                return Err(Next::Wait);
            }
        };
        let whole = instances.len() < INSTANCES_MAX;
        let ours = |instance: &Instance| {
            instance.order_key.as_ref() == Some(&rental.order_key) && is_sound(instance)
        };
        // Of several, one that lives; the others are ended by the comparison.
        let is_gone = |instance: &Instance| instance.state == InstanceState::Terminated;
        let found = instances.into_iter().filter(ours).min_by_key(is_gone);
        if found.is_none() && !whole {
            error!(adapter = %rental.adapter, order = %rental.order_key, "the provider lists as many instances as there may be: what is not among them may be there all the same");
            self.back_off(&rental.order_key);
            return Err(Next::Wait);
        }
        Ok(found)
    }

    /// It is there, and paid for.
    async fn bought(
        self: &Arc<Self>,
        mut rental: Rental,
        instance: Instance,
    ) -> Result<Next, StoreError> {
        let other = instance
            .order_key
            .as_ref()
            .is_some_and(|key| *key != rental.order_key);
        if other || !is_sound(&instance) {
            error!(order = %rental.order_key, adapter = %rental.adapter, "the adapter answers with something that was not ordered");
            rental.phase = Phase::Unknown {
                looks: 0,
                since: self.clock.unix_s(),
            };
            self.book.save(rental.clone()).await?;
            self.back_off(&rental.order_key);
            return Ok(Next::Wait);
        }
        info!(order = %rental.order_key, adapter = %rental.adapter, instance = escape(&instance.id), "rented");
        rental.phase = Phase::Running;
        rental.instance = Some(instance);
        self.book.save(rental.clone()).await?;
        self.described(&rental);
        self.board.forget(&rental.adapter);
        Ok(Next::Again)
    }

    async fn refuse(&self, mut rental: Rental, word: &str, why: &str) -> Result<Next, StoreError> {
        info!(order = %rental.order_key, adapter = %rental.adapter, why, "not rented");
        labels::set_refusal(&mut rental, word, None);
        rental.phase = Phase::Refused {
            reason: why.to_owned(),
        };
        rental.over_at = Some(self.clock.unix_s());
        self.board.forget(&rental.adapter);
        self.book.save(rental).await?;
        Ok(Next::Wait)
    }

    /// An adapter that is not there any more cannot be asked for anything.
    pub(super) fn absent(&self, rental: &Rental) -> Next {
        error!(order = %rental.order_key, adapter = %rental.adapter, phase = rental.phase.as_str(), "its adapter is not active: nobody can ask the provider; put the adapter back, `host plugin list` names those that are");
        self.wait(rental, ABSENT_S);
        Next::Wait
    }

    /// Waits after a call that failed: as long as was asked for, or longer each time.
    pub(super) fn hold_back(&self, rental: &Rental, error: &ProviderError, what: &str) -> u32 {
        let why = escape(&error.to_string());
        if let ProviderError::Busy(ms) = error {
            self.wait_busy(rental, *ms);
            return 0;
        }
        let failures = self.back_off(&rental.order_key);
        warn!(order = %rental.order_key, adapter = %rental.adapter, failures, why, "{what}");
        failures
    }

    fn order_of(&self, rental: &Rental) -> Option<Order> {
        let request = &rental.request;
        let wanted = [
            (labels::CPU_THREADS, u64::from(request.cpu_threads)),
            (labels::MEMORY_MIB, request.memory_mib),
        ];
        let wanted = wanted.into_iter().filter(|(_, value)| *value > 0);
        let offered = rental.offer.hardware.disk_mib;
        let most = if offered > 0 { offered } else { DISK_MIB };
        let disk_mib = match request.disk_mib {
            0 => DISK_MIB.min(most),
            asked => asked,
        };
        Some(Order {
            key: rental.order_key.clone(),
            offer_id: rental.offer.id.clone(),
            image: request.image.clone(),
            ssh_public_key: ssh_key(&request.ssh_public_key).ok()?,
            disk_mib,
            price_micro_usd_per_hour_max: provider_price_max(rental)
                .min(self.rules.provider_price_micro_usd_per_hour_max),
            ends_at: rental.ends_at,
            labels: wanted.map(|(name, value)| label(name, value)).collect(),
        })
    }
}

/// An instance that can be named again.
fn is_sound(instance: &Instance) -> bool {
    (1..=INSTANCE_ID_BYTES_MAX).contains(&instance.id.len())
}
