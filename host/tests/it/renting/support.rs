//! A landlord on paper, a miner around it, and its plugins that are none.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use host::role::miner::{AllocateOptions, Gate, GateOptions, Miner};
use host::subnet::hardware::{Hardware, Machine, Metric};
use host::subnet::key::{AccountId, Signer as _};
use host::subnet::plugin::Plugins;
use host::subnet::provider::{Offer, SshEndpoint};
use host::subnet::rental::{Act, Landlord, Lease, Listing, RentError, RentRequest, Rental, Renter};
use host::subnet::scoring::OfferedMachine;
use host::synapse::AxonOptions;

use super::super::synapse::support::{Axon, bob};

/// Keys of a renter that a real landlord takes.
pub(super) const SSH_KEYS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA",
];
/// What its one machine costs.
pub(super) const PRICE: u64 = 3_600;

/// One machine, which one renter has at a time.
#[derive(Default)]
pub(super) struct Paper {
    leases: Mutex<Vec<(Renter, Lease)>>,
}

pub(super) fn hardware() -> Hardware {
    Hardware {
        cpu_model: "EPYC".to_owned(),
        cpu_threads: 8,
        memory_mib: 16_384,
        disk_mib: 65_536,
        ..Hardware::default()
    }
}

impl Paper {
    fn live(&self) -> bool {
        let leases = self.leases.lock().unwrap();
        leases.iter().any(|(_, lease)| lease.state == "running")
    }

    fn change(
        &self,
        renter: &Renter,
        key: &str,
        change: impl FnOnce(&mut Lease),
    ) -> Result<Lease, RentError> {
        let mut leases = self.leases.lock().unwrap();
        let is_it = |(owner, lease): &&mut (Renter, Lease)| owner == renter && lease.key == key;
        let (_, lease) = leases
            .iter_mut()
            .find(is_it)
            .ok_or(RentError::NoSuchRental)?;
        change(lease);
        Ok(lease.clone())
    }

    pub(super) fn orders(&self) -> usize {
        self.leases.lock().unwrap().len()
    }
}

#[async_trait]
impl Landlord for Paper {
    async fn listings(&self) -> Vec<Listing> {
        if self.live() {
            return Vec::new();
        }
        vec![Listing {
            machine: String::new(),
            adapter: "paper".to_owned(),
            offer: Offer {
                id: "this".to_owned(),
                hardware: hardware(),
                region: "here".to_owned(),
                price_micro_usd_per_hour: PRICE,
                interruptible: false,
                labels: Vec::new(),
            },
            price_micro_usd_per_hour: PRICE,
        }]
    }

    async fn rent(&self, renter: &Renter, request: RentRequest) -> Result<Lease, RentError> {
        if let Ok(known) = self.change(renter, &request.key, |_| {}) {
            return Ok(known);
        }
        if !request.machine.is_empty() {
            return Err(RentError::NoSuchMachine(request.machine));
        }
        if request.price_micro_usd_per_hour_max < PRICE {
            return Err(RentError::PriceRose(PRICE));
        }
        if self.live() {
            return Err(RentError::Full("it is let".to_owned()));
        }
        let lease = Lease {
            key: request.key,
            machine: request.machine,
            state: "running".to_owned(),
            reason: None,
            ssh: Some(SshEndpoint {
                host: "203.0.113.7".to_owned(),
                port: 4444,
                user: "root".to_owned(),
                host_key: Some("ssh-ed25519 AAAA".to_owned()),
            }),
            hardware: hardware(),
            price_micro_usd_per_hour: PRICE,
            began_at: 1_000,
            ends_at: 1_000 + request.duration_s,
        };
        let line = (*renter, lease.clone());
        self.leases.lock().unwrap().insert(0, line);
        Ok(lease)
    }

    async fn inspect(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        self.change(renter, key, |_| {})
    }

    async fn extend(&self, renter: &Renter, key: &str, by_s: u64) -> Result<Lease, RentError> {
        self.change(renter, key, |lease| lease.ends_at += by_s)
    }

    async fn end(&self, renter: &Renter, key: &str) -> Result<Lease, RentError> {
        self.change(renter, key, |lease| lease.state = "ended".to_owned())
    }

    async fn leases(&self, renter: &Renter) -> Result<Vec<Lease>, RentError> {
        let leases = self.leases.lock().unwrap();
        let own = leases.iter().filter(|(owner, _)| owner == renter);
        Ok(own.map(|(_, lease)| lease.clone()).collect())
    }

    async fn machines(&self) -> Vec<OfferedMachine> {
        vec![OfferedMachine {
            id: String::new(),
            claimed: hardware(),
            price_micro_usd_per_hour: PRICE,
            rented_permille: 0,
            labels: Vec::new(),
        }]
    }

    async fn rentals(&self) -> Result<Vec<Rental>, RentError> {
        Ok(Vec::new())
    }

    async fn act(&self, _: &Renter, _: &str, _: Act) -> Result<(), RentError> {
        Err(RentError::NoSuchRental)
    }
}

struct Bare;

impl Machine for Bare {
    fn hardware(&self) -> Hardware {
        hardware()
    }
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
}

impl Plugins for Bare {}

/// Bob's axon; it lets what `landlord` has to `renters`.
pub(super) async fn miner<L: Landlord + 'static>(landlord: &Arc<L>, renters: &[AccountId]) -> Axon {
    let gate = Gate::new(GateOptions {
        renters: renters.iter().copied().collect(),
        ..GateOptions::default()
    });
    let none = Arc::new(Bare);
    let miner = Miner::new(bob().account(), Arc::new(gate), none.clone(), none, PRICE)
        .letting(landlord.clone())
        .allocating(landlord.clone(), AllocateOptions::default());
    let options = AxonOptions {
        requests_burst: 1_000,
        ..AxonOptions::default()
    };
    Axon::serve(options, Arc::new(miner)).await
}

pub(super) fn request(key: &str) -> RentRequest {
    RentRequest {
        key: key.to_owned(),
        machine: String::new(),
        image: None,
        ssh_public_key: "ssh-ed25519 AAAA me@here".to_owned(),
        cpu_threads: 0,
        memory_mib: 0,
        disk_mib: 0,
        duration_s: 600,
        price_micro_usd_per_hour_max: PRICE,
        probe: false,
    }
}
