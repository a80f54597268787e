//! The original compute subnet's `Allocate`: four uses of one message.
//!
//! | `checking` | `docker_change` | `timeline` | use | `output` |
//! |---|---|---|---|---|
//! | true | | > 0 | probe: is the machine free? | `status` |
//! | true | | <= 0 | is it allocated under this `public_key`? | `status` |
//! | false | true | | do `docker_action` to what is | `status` |
//! | false | false | > 0 | allocate for so many days | `status`, `info` |
//! | false | false | <= 0 | deallocate | `status` |
//!
//! `status` is a bool and a `message` says why it is false. `info` is what the
//! original sends, JSON with `username`, `password`, `port` and `version`,
//! sealed for the caller's `public_key` ([`seal`]) and in base64. What is no
//! secret stands beside it: `host`, `port`, `host_key`, `rental` and `ends_at`.
//!
//! What differs from the original:
//! - Nobody is let in by password: `password` is empty, and an allocation
//!   without `docker_requirement.ssh_key` is refused.
//! - The machine that was asked for must be there; what is let is all of it.
//! - Its end comes by itself after `timeline` days, as its documents promise.
//! - `public_key` speaks only for the hotkey that allocated with it.
//! - Actions are for containers of this machine; an exchanged key takes effect
//!   without a restart, and only the renter's key (`key_type` `user`) can be.
//! - Dockerfiles, base images, ports and volumes of the caller are not taken.
//! - An allocation that nobody waits for any more is ended.
//!
//! The synapse has no hash fields: nothing of it is signed but who sent it to
//! whom, and no answer is. It is off unless the operator switches it on.

mod seal;
#[cfg(test)]
pub(super) mod tests;
mod wanted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::subnet::key::AccountId;
use crate::subnet::rental::{Act, Landlord, Lease, RentError, RentRequest, Renter};
use crate::subnet::synapse::{Declaration, Fields, Kind, Value};

use seal::Seal;
use wanted::{Use, Wanted};

/// The route.
pub(super) const NAME: &str = "Allocate";
/// The version of the original whose answers these are, as it writes it.
const VERSION: u32 = 190;
/// Allocations with one public key that are remembered as over.
const AGAIN_MAX: usize = 64;

/// How long an allocation may take.
#[derive(Debug, Clone, Copy)]
pub struct AllocateOptions {
    /// Until the machine can be logged in to; the original's callers wait 60 s
    /// for all of it. 45 s.
    pub ready_time: Duration,
    /// Between two looks whether it can. 500 ms.
    pub look_every: Duration,
}

impl Default for AllocateOptions {
    fn default() -> Self {
        Self {
            ready_time: Duration::from_secs(45),
            look_every: Duration::from_millis(500),
        }
    }
}

/// `Allocate` as the original's `protocol.py` declares it.
pub(super) fn declaration() -> Declaration {
    let dict = || Value::Dict(Vec::new());
    let docker_requirement = Value::dict([
        ("base_image", "ubuntu".into()),
        ("ssh_key", "".into()),
        ("ssh_port", Value::Int(4444)),
        ("volume_path", "/tmp".into()),
        ("dockerfile", "".into()),
    ]);
    let docker_action = Value::dict([
        ("action", "".into()),
        ("ssh_key", "".into()),
        ("key_type", "".into()),
    ]);
    Declaration::new(NAME)
        .optional("timeline", Kind::Int, Value::Int(0))
        .optional("device_requirement", Kind::any_dict(), dict())
        .optional("checking", Kind::Bool, Value::Bool(true))
        .optional("output", Kind::any_dict(), dict())
        .optional("public_key", Kind::Text, "".into())
        .optional("docker_requirement", Kind::any_dict(), docker_requirement)
        .optional("docker_change", Kind::Bool, Value::Bool(false))
        .optional("docker_action", Kind::any_dict(), docker_action)
}

/// Answers `Allocate`; one allocation at a time, like the original.
pub(super) struct Allocations {
    landlord: Arc<dyn Landlord>,
    options: AllocateOptions,
    allocating: Arc<Mutex<()>>,
}

impl Allocations {
    pub(super) fn new(landlord: Arc<dyn Landlord>, options: AllocateOptions) -> Self {
        Self {
            landlord,
            options,
            allocating: Arc::default(),
        }
    }

    /// `fields` with its output; a caller that may not rent is told so in it.
    pub(super) async fn answer(
        &self,
        caller: &AccountId,
        mut fields: Fields,
        allowed: Result<(), RentError>,
    ) -> Fields {
        let output = match allowed {
            Ok(()) => self.output(&Renter::Hotkey(*caller), &fields).await,
            Err(error) => Err(error.to_string()),
        };
        let output = output.unwrap_or_else(|message| no(&message));
        fields.set("output", output);
        fields
    }

    async fn output(&self, renter: &Renter, fields: &Fields) -> Result<Value, String> {
        let wanted = Wanted::read(fields)?;
        match &wanted.purpose {
            Use::Probe => self.probe(&wanted).await,
            Use::Check => self.check(renter, &wanted).await,
            Use::Act(act) => self.act(renter, &wanted, act.clone()).await,
            Use::Allocate { duration_s } => self.allocate(renter, &wanted, *duration_s).await,
            Use::Deallocate => self.deallocate(renter, &wanted).await,
        }
    }

    async fn probe(&self, wanted: &Wanted) -> Result<Value, String> {
        let listings = self.landlord.listings().await;
        let own = listings.iter().find(|listing| listing.machine.is_empty());
        let own = own.ok_or("the machine is not free")?;
        wanted.check(&own.offer.hardware)?;
        Ok(yes())
    }

    async fn check(&self, renter: &Renter, wanted: &Wanted) -> Result<Value, String> {
        let lease = self.allocated(renter, wanted).await?;
        if lease.state == "running" {
            Ok(yes())
        } else {
            Err("Container is not running.".to_owned())
        }
    }

    async fn act(&self, renter: &Renter, wanted: &Wanted, act: Act) -> Result<Value, String> {
        let lease = self.allocated(renter, wanted).await?;
        let done = self.landlord.act(renter, &lease.key, act).await;
        done.map(|()| yes()).map_err(|error| error.to_string())
    }

    async fn deallocate(&self, renter: &Renter, wanted: &Wanted) -> Result<Value, String> {
        let lease = self.allocated(renter, wanted).await?;
        let ended = self.landlord.end(renter, &lease.key).await;
        ended.map(|_| yes()).map_err(|error| error.to_string())
    }

    async fn allocate(
        &self,
        renter: &Renter,
        wanted: &Wanted,
        duration_s: u64,
    ) -> Result<Value, String> {
        let seal = Seal::read(&wanted.public_key)?;
        let ssh_public_key = wanted.ssh_key()?;
        let in_progress =
            "Allocation is already in progress. Please wait for the previous one to finish";
        let turn = self.allocating.clone().try_lock_owned();
        let turn = turn.map_err(|_| in_progress.to_owned())?;
        let before = self.leases(renter, wanted).await?;
        let live = before.iter().find(|lease| !is_over(lease));
        let (key, is_new) = match live {
            Some(lease) => (lease.key.clone(), false),
            None => (fresh_key(wanted, &before)?, true),
        };
        let order = Order {
            landlord: self.landlord.clone(),
            renter: *renter,
            request: request(key, ssh_public_key, duration_s, wanted.testing),
            is_new,
            options: self.options,
        };
        if is_new {
            self.probe(wanted).await?;
        }
        let lease = order.place(turn).await?;
        success(&seal, &lease)
    }

    /// What this public key allocates now.
    async fn allocated(&self, renter: &Renter, wanted: &Wanted) -> Result<Lease, String> {
        let leases = self.leases(renter, wanted).await?;
        let live = leases.into_iter().find(|lease| !is_over(lease));
        live.ok_or_else(|| "Permission denied (allocation key mismatch).".to_owned())
    }

    /// All that this public key ever allocated, newest first.
    async fn leases(&self, renter: &Renter, wanted: &Wanted) -> Result<Vec<Lease>, String> {
        let stem = stem(&wanted.public_key);
        let leases = self.landlord.leases(renter).await;
        let mut leases = leases.map_err(|error| error.to_string())?;
        leases.retain(|lease| lease.key.starts_with(&stem));
        Ok(leases)
    }
}

/// An order that goes on when its caller hangs up, to an end that leaves nothing
/// behind that nobody knows of.
struct Order {
    landlord: Arc<dyn Landlord>,
    renter: Renter,
    request: RentRequest,
    is_new: bool,
    options: AllocateOptions,
}

impl Order {
    async fn place(self, turn: OwnedMutexGuard<()>) -> Result<Lease, String> {
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let _turn = turn;
            let placed = self.until_ready().await;
            let unheard = tell.send(placed).is_err();
            if unheard && self.is_new {
                self.take_back().await;
            }
        });
        told.await
            .unwrap_or_else(|_| Err("this node failed; try again".to_owned()))
    }

    async fn until_ready(&self) -> Result<Lease, String> {
        let begun = Instant::now();
        let rented = self.landlord.rent(&self.renter, self.request.clone()).await;
        let mut lease = rented.map_err(|error| error.to_string())?;
        while lease.ssh.is_none() {
            if is_over(&lease) || lease.state == "ending" {
                return Err(lease.reason.unwrap_or(lease.state));
            }
            if begun.elapsed() >= self.options.ready_time {
                // One that was there before may only be starting again.
                if self.is_new {
                    self.take_back().await;
                }
                return Err("it could not be logged in to in time".to_owned());
            }
            tokio::time::sleep(self.options.look_every).await;
            // What cannot be seen now may be seen with the next look.
            if let Ok(seen) = self.landlord.inspect(&self.renter, &lease.key).await {
                lease = seen;
            }
        }
        Ok(lease)
    }

    async fn take_back(&self) {
        let key = &self.request.key;
        if let Err(error) = self.landlord.end(&self.renter, key).await {
            tracing::error!(%error, key, "an allocation nobody waits for was not ended; it ends at its time");
        }
    }
}

fn request(key: String, ssh_public_key: String, duration_s: u64, probe: bool) -> RentRequest {
    RentRequest {
        key,
        machine: String::new(),
        image: None,
        ssh_public_key,
        cpu_threads: 0,
        memory_mib: 0,
        disk_mib: 0,
        duration_s,
        // The message has no word for it.
        price_micro_usd_per_hour_max: u64::MAX,
        probe,
    }
}

/// A key that no rental under this public key has; the oldest may be forgotten.
fn fresh_key(wanted: &Wanted, before: &[Lease]) -> Result<String, String> {
    if before.len() >= AGAIN_MAX {
        return Err("this public_key was used too often; make a new one".to_owned());
    }
    let number = |lease: &Lease| lease.key.rsplit_once('-')?.1.parse::<u64>().ok();
    let last = before.iter().filter_map(number).max();
    let next = last.map_or(0, |last| last.saturating_add(1));
    Ok(format!("{}-{next}", stem(&wanted.public_key)))
}

/// What begins the key of every rental under this public key.
fn stem(public_key: &str) -> String {
    let digest = Sha256::digest(public_key.trim().as_bytes());
    format!("allocate-{}", hex::encode(&digest[..16]))
}

fn is_over(lease: &Lease) -> bool {
    matches!(lease.state.as_str(), "ended" | "refused")
}

fn success(seal: &Seal, lease: &Lease) -> Result<Value, String> {
    let ssh = lease.ssh.as_ref().ok_or("it cannot be logged in to")?;
    let info = serde_json::json!({
        "username": ssh.user,
        "password": "",
        "port": ssh.port,
        "version": VERSION,
    });
    let host_key = ssh.host_key.clone().map_or(Value::None, Value::Text);
    Ok(Value::dict([
        ("status", Value::Bool(true)),
        ("info", seal.close(&info.to_string())?.into()),
        ("port", Value::Int(ssh.port.into())),
        ("host", ssh.host.clone().into()),
        ("host_key", host_key),
        ("rental", lease.key.clone().into()),
        ("ends_at", Value::Int(lease.ends_at.into())),
    ]))
}

fn yes() -> Value {
    Value::dict([("status", Value::Bool(true))])
}

fn no(message: &str) -> Value {
    Value::dict([("status", Value::Bool(false)), ("message", message.into())])
}
