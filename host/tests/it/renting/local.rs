//! A miner's own machine in memory, let by the real landlord: the adapter has one
//! machine, and whoever has it can be acted upon.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use host::role::landlord::{Lettings, Means, SystemClock};
use host::store::{LedgerOwner, LedgerRetention, SqliteLedger};
use host::subnet::events::Unobserved;
use host::subnet::hardware::Label;
use host::subnet::key::AccountId;
use host::subnet::letting::Rules;
use host::subnet::plugin::{Digest, PluginId, Plugins};
use host::subnet::provider::{
    Instance, InstanceState, Offer, Order, ProviderAdapter, ProviderError, Query, SshEndpoint,
};
use host::subnet::rental::Act;
use host::subnet::workload::{Caretaker, PAUSED, WorkloadError};

use super::support::{PRICE, hardware};

const ADAPTER: &str = "provider-local";

/// The machine.
pub(super) struct Own {
    id: PluginId,
    let_as: Mutex<Option<Instance>>,
    /// What was done to it, in order.
    pub(super) acts: Mutex<Vec<Act>>,
}

impl Own {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: PluginId {
                name: ADAPTER.to_owned(),
                version: "0.1.0".to_owned(),
                digest: Digest([0; 32]),
                settings: Digest([0; 32]),
            },
            let_as: Mutex::default(),
            acts: Mutex::default(),
        })
    }

    fn let_as(&self) -> MutexGuard<'_, Option<Instance>> {
        self.let_as.lock().unwrap()
    }
}

/// A landlord that lets nothing but `own`, and may spend nothing; its ledger is in
/// `folder`.
pub(super) fn lettings(own: &Arc<Own>, me: AccountId, folder: &Path) -> Arc<Lettings> {
    let owner = LedgerOwner {
        netuid: 1,
        hotkey: me,
    };
    let ledger = SqliteLedger::open(folder, &owner, LedgerRetention::default()).unwrap();
    let means = Means {
        me,
        netuid: owner.netuid,
        network: "local".to_owned(),
        ledger: Arc::new(ledger),
        plugins: Arc::new(Active(own.clone())),
        observer: Arc::new(Unobserved),
        clock: Arc::new(SystemClock),
        may_rent: Arc::new(|_| Ok(())),
        caretaker: Some(own.clone()),
    };
    let rules = Rules {
        own_price_micro_usd_per_hour: PRICE,
        ..Rules::default()
    };
    Arc::new(Lettings::open(means, rules).unwrap())
}

#[async_trait]
impl ProviderAdapter for Own {
    fn id(&self) -> &PluginId {
        &self.id
    }

    async fn offers(&self, _: &Query) -> Result<Vec<Offer>, ProviderError> {
        let offer = Offer {
            id: "1-of-1".to_owned(),
            hardware: hardware(),
            region: "here".to_owned(),
            price_micro_usd_per_hour: 0,
            interruptible: false,
            labels: Vec::new(),
        };
        let free = self.let_as().is_none();
        Ok(free.then_some(offer).into_iter().collect())
    }

    async fn provision(&self, order: &Order) -> Result<Instance, ProviderError> {
        let mut let_as = self.let_as();
        if let Some(other) = &*let_as {
            let same = other.id == order.key;
            return same.then(|| other.clone()).ok_or(ProviderError::NoCapacity);
        }
        let instance = Instance {
            id: order.key.clone(),
            order_key: Some(order.key.clone()),
            state: InstanceState::Running,
            hardware: hardware(),
            price_micro_usd_per_hour: 0,
            ssh: Some(SshEndpoint {
                host: "203.0.113.7".to_owned(),
                port: 4444,
                user: "root".to_owned(),
                host_key: Some("ssh-ed25519 AAAA".to_owned()),
            }),
            ends_at: Some(order.ends_at),
            labels: Vec::new(),
        };
        *let_as = Some(instance.clone());
        Ok(instance)
    }

    async fn instances(&self) -> Result<Vec<Instance>, ProviderError> {
        Ok(self.let_as().clone().into_iter().collect())
    }

    async fn inspect(&self, id: &str) -> Result<Instance, ProviderError> {
        let let_as = self.let_as().clone();
        let found = let_as.filter(|instance| instance.id == id);
        found.ok_or(ProviderError::NotFound)
    }

    async fn extend(&self, _: &str, _: u64) -> Result<Instance, ProviderError> {
        Err(ProviderError::NotFound)
    }

    async fn terminate(&self, id: &str) -> Result<(), ProviderError> {
        self.let_as().take_if(|instance| instance.id == id);
        Ok(())
    }
}

#[async_trait]
impl Caretaker for Own {
    async fn act(&self, owner: &str, name: &str, act: &Act) -> Result<(), WorkloadError> {
        let mut let_as = self.let_as();
        let known = let_as
            .as_mut()
            .filter(|it| owner == ADAPTER && it.id == name);
        let instance = known.ok_or(WorkloadError::NoSuchWorkload)?;
        let paused = *act == Act::Pause;
        instance.labels = Vec::from_iter(paused.then(|| Label {
            name: PAUSED.to_owned(),
            value: "true".to_owned(),
        }));
        self.acts.lock().unwrap().push(act.clone());
        Ok(())
    }
}

struct Active(Arc<Own>);

impl Plugins for Active {
    fn providers(&self) -> Vec<Arc<dyn ProviderAdapter>> {
        vec![self.0.clone()]
    }
}
