//! What runs against what the ledger says, adapter by adapter: nothing runs that
//! nobody pays for, and nothing is paid for that does not run.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::subnet::events::Event;
use crate::subnet::letting::Unknown;
use crate::subnet::provider::{INSTANCES_MAX, Instance, InstanceState, ProviderAdapter};
use crate::subnet::rental::{Phase, RentRequest, Rental, Renter, cost_micro_usd};
use crate::subnet::text::escape;

use super::drive::Next;
use super::office::{Office, retry_s};
use super::request::machine_id;

/// Until what could not be ended is tried again, in seconds.
const AGAIN_S: u64 = 30;
/// How long what is adopted lives where the provider knows no end, in seconds.
const ADOPTED_S: u64 = 3_600;

/// What an instance is to the ledger.
enum Standing {
    /// A rental's own; the rental is worked on by itself.
    Rented(Box<Rental>),
    /// It runs and is paid for, though its rental is over or has another.
    Superfluous(&'static str),
    /// One of this node's orders that the ledger does not know.
    Unknown,
    /// Somebody else's.
    Foreign,
    /// Another adapter's, or not to be learned now.
    Elsewhere,
}

impl Office {
    /// Begins the comparisons that are due, and says of which adapters rentals are
    /// left behind.
    pub(super) fn reconcile_due(self: &Arc<Self>, now: u64) -> Vec<JoinHandle<()>> {
        let mut begun = Vec::new();
        for adapter in self.adapters() {
            let due = self.with_compared(&adapter.id().name, |compared| {
                let due = compared.due_at <= now && !compared.under_way;
                compared.under_way |= due;
                due
            });
            if due {
                let office = self.clone();
                begun.push(
                    self.tasks
                        .spawn(async move { office.reconcile(adapter).await }),
                );
            }
        }
        begun
    }

    async fn reconcile(self: Arc<Self>, adapter: Arc<dyn ProviderAdapter>) {
        let name = adapter.id().name.clone();
        let done = self.compare(&name, &*adapter).await;
        let now = self.clock.unix_s();
        self.with_compared(&name, |compared| {
            compared.under_way = false;
            match done {
                Some(settled) => {
                    compared.failures = 0;
                    let wait = if settled {
                        self.rules.reconcile_s
                    } else {
                        AGAIN_S
                    };
                    compared.due_at = now.saturating_add(wait);
                }
                None => {
                    compared.failures = compared.failures.saturating_add(1);
                    compared.due_at = now.saturating_add(retry_s(compared.failures));
                }
            }
        });
        self.count_unknown().await;
    }

    /// Whether all is as it should be; `None` if the provider did not say.
    async fn compare(self: &Arc<Self>, name: &str, adapter: &dyn ProviderAdapter) -> Option<bool> {
        // What is ordered from here on may be missing from the answer.
        let before = self.book.all_live(Some(name));
        let asked_at = self.clock.unix_s();
        let instances = match self.call(adapter.instances()).await {
            Ok(instances) => instances,
            Err(error) => {
                let why = escape(&error.to_string());
                warn!(adapter = name, why, "what runs there cannot be seen");
                return None;
            }
        };
        let whole = instances.len() < INSTANCES_MAX;
        let all: BTreeSet<&str> = instances.iter().map(|it| it.id.as_str()).collect();
        let alive = instances
            .iter()
            .filter(|it| it.state != InstanceState::Terminated);
        let mut settled = true;
        let mut unknown = BTreeSet::new();
        for instance in alive {
            let standing = self.standing(name, instance).await;
            if matches!(standing, Standing::Unknown | Standing::Foreign) {
                unknown.insert(instance.id.clone());
            }
            if let Standing::Rented(rental) = standing {
                self.recognise(&rental.order_key, instance, asked_at).await;
            } else {
                settled &= self.treat(name, adapter, instance, standing).await;
            }
        }
        self.with_compared(name, |compared| compared.unknown = unknown);
        for rental in before {
            let id = rental
                .instance
                .as_ref()
                .map(|instance| instance.id.as_str());
            if rental.phase == Phase::Running && whole && !id.is_some_and(|id| all.contains(id)) {
                self.look_now(&rental.order_key).await;
            }
        }
        Some(settled)
    }

    async fn standing(self: &Arc<Self>, name: &str, instance: &Instance) -> Standing {
        let Some(key) = instance.order_key.clone() else {
            return Standing::Foreign;
        };
        let ours = key.starts_with(&self.prefix);
        let known = match self.book.live(&key) {
            Some((rental, _)) => Some(rental),
            None => match self.book.ask(move |ledger| ledger.rental(&key)).await {
                Ok(known) => known,
                Err(_) => return Standing::Elsewhere,
            },
        };
        match known {
            None if ours => Standing::Unknown,
            None => Standing::Foreign,
            Some(rental) if rental.adapter != name => Standing::Elsewhere,
            Some(rental) if rental.phase.is_over() => Standing::Superfluous("its rental is over"),
            Some(rental) => {
                let own = rental
                    .instance
                    .as_ref()
                    .is_none_or(|own| own.id == instance.id);
                match own {
                    true => Standing::Rented(Box::new(rental)),
                    false => Standing::Superfluous("its rental has another"),
                }
            }
        }
    }

    /// What is nobody's rental; whether nothing is left to do about it.
    async fn treat(
        self: &Arc<Self>,
        name: &str,
        adapter: &dyn ProviderAdapter,
        instance: &Instance,
        standing: Standing,
    ) -> bool {
        let rule = match standing {
            Standing::Elsewhere | Standing::Rented(_) => return true,
            Standing::Superfluous(why) => {
                return self.end_stray(name, adapter, instance, why).await;
            }
            Standing::Unknown => self.rules.unknown_own,
            Standing::Foreign => self.rules.unknown_foreign,
        };
        match (rule, &instance.order_key) {
            (Unknown::End, _) => {
                let why = "the ledger does not know it";
                self.end_stray(name, adapter, instance, why).await
            }
            (Unknown::Adopt, Some(key)) => self.adopt(name, instance, key).await,
            (Unknown::Adopt | Unknown::Report, _) => {
                self.report(name, instance);
                true
            }
        }
    }

    /// A rental's own instance: what is new about it is taken over, unless somebody
    /// who held it saw it later than the provider was `asked_at`.
    pub(super) async fn recognise(
        self: &Arc<Self>,
        order_key: &str,
        instance: &Instance,
        asked_at: u64,
    ) {
        let Some(_hold) = self.book.hold(order_key).await else {
            return;
        };
        let Some((rental, pace)) = self.book.live(order_key) else {
            return;
        };
        let own = rental
            .instance
            .as_ref()
            .is_some_and(|own| own.id == instance.id);
        let since = asked_at..=self.clock.unix_s();
        let is_news = !since.contains(&pace.seen_at);
        if own && is_news && rental.phase == Phase::Running {
            match self.observe(rental, instance.clone()).await {
                Ok(Next::Wait) => return,
                Ok(Next::Again) => {}
                Err(why) => return error!(order = order_key, %why, "a rental waits for its ledger"),
            }
        }
        self.work(order_key).await;
    }

    async fn look_now(self: &Arc<Self>, order_key: &str) {
        self.book.pace(order_key, |pace| {
            // Not before its turn, if it was missed or failed already.
            if pace.misses == 0 && pace.failures == 0 {
                pace.not_before = 0;
            }
        });
        self.drive(order_key).await;
    }

    async fn end_stray(
        &self,
        name: &str,
        adapter: &dyn ProviderAdapter,
        instance: &Instance,
        why: &str,
    ) -> bool {
        let (id, key) = (escape(&instance.id), instance.order_key.as_deref());
        warn!(adapter = name, instance = %id, order = key.map(escape), why, "an instance is ended");
        match self.call(adapter.terminate(&instance.id)).await {
            Ok(()) => true,
            Err(error) => {
                self.observer.observe(Event::TerminateRetried);
                let error = escape(&error.to_string());
                error!(adapter = name, instance = %id, why = error, "AN INSTANCE THAT NOBODY RENTS IS PAID FOR AND DOES NOT END");
                false
            }
        }
    }

    /// The operator's own from now on, until it was to end.
    async fn adopt(self: &Arc<Self>, name: &str, instance: &Instance, key: &str) -> bool {
        let now = self.clock.unix_s();
        let ends_at = instance.ends_at.unwrap_or(now.saturating_add(ADOPTED_S));
        let price = instance.price_micro_usd_per_hour;
        let machine = machine_id(name, &instance.id);
        let rental = Rental {
            order_key: key.to_owned(),
            renter: Renter::Operator,
            request: RentRequest {
                key: key.to_owned(),
                machine: machine.clone(),
                image: None,
                ssh_public_key: String::new(),
                cpu_threads: 0,
                memory_mib: 0,
                disk_mib: 0,
                duration_s: ends_at.saturating_sub(now),
                price_micro_usd_per_hour_max: price,
                probe: false,
            },
            adapter: name.to_owned(),
            offer: crate::subnet::provider::Offer {
                id: instance.id.clone(),
                hardware: instance.hardware.clone(),
                region: String::new(),
                price_micro_usd_per_hour: price,
                interruptible: false,
                labels: Vec::new(),
            },
            price_micro_usd_per_hour: price,
            spend_micro_usd_max: cost_micro_usd(price, ends_at.saturating_sub(now)),
            began_at: now,
            ends_at,
            phase: Phase::Running,
            instance: Some(instance.clone()),
            over_at: None,
            labels: Vec::new(),
        };
        match self.book.adopt(rental).await {
            Ok(()) => {
                warn!(
                    adapter = name,
                    machine, "an instance is adopted: it is the operator's now"
                );
                true
            }
            Err(_) => false,
        }
    }

    fn report(&self, name: &str, instance: &Instance) {
        let known = self.with_compared(name, |compared| compared.unknown.contains(&instance.id));
        if !known {
            let (id, key) = (escape(&instance.id), instance.order_key.as_deref());
            warn!(adapter = name, instance = %id, order = key.map(escape), price_micro_usd_per_hour = instance.price_micro_usd_per_hour, "the account pays for an instance that is none of this node's");
        }
    }

    async fn count_unknown(self: &Arc<Self>) {
        let count = self.unknown_instances();
        self.observer.observe(Event::UnknownInstances { count });
        let since = self.clock.unix_s().saturating_sub(super::book::DAY_S);
        let committed = self
            .book
            .ask(move |ledger| ledger.committed_micro_usd(None, since));
        if let Ok(day_micro_usd) = committed.await {
            self.observer.observe(Event::RentalSpend { day_micro_usd });
        }
    }
}
