//! A package is offered, admitted from end to end, and takes over; or does not,
//! and what ran goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::active::{Held, POLICY_SLOT, SHADOW_SLOT, UPCOMING_SLOT};
use super::describe::{Refusal, Source, Swap, SwapReport, unix_s};
use super::vouch::Vouched;
use super::{ADMISSION_STACK_BYTES, Approval, REFUSALS_MAX, Registry, SUPERSEDED_MAX, lock};
use crate::plugin::admission::{self, AdmissionError, Candidate};
use crate::plugin::call::Loaded;
use crate::plugin::package::Package;
use crate::plugin::{rehearsal, settings, trust};
use crate::subnet::events::{Event, SwapKind};
use crate::subnet::plugin::{PluginId, Rehearsal, World};
use crate::subnet::trust::Subject;

/// Generators, solvers, or adapters, active at once.
const ACTIVE_MAX: usize = 32;
/// How much less an admission counts than a call.
#[cfg(target_os = "linux")]
const ADMISSION_NICENESS: i32 = 10;

/// What took over.
pub(super) struct TakenOver {
    pub(super) slot: String,
    pub(super) from: Option<PluginId>,
    pub(super) to: PluginId,
}

impl Registry {
    /// As [`Self::offer`], of bytes that came from nowhere in particular.
    pub async fn swap(
        &self,
        slot: &str,
        bytes: Vec<u8>,
        approval: Approval,
    ) -> Result<SwapReport, AdmissionError> {
        let package = Package::open("bytes".into(), bytes, None)?;
        self.offer(slot, package, approval).await
    }

    /// Puts a component in the place of what is active as `slot`, or a data pack
    /// in the place of an older one.
    ///
    /// `slot` is a plugin's or a pack's name; for the policy also `policy`, or the
    /// name of the newcomer; `shadow` for a policy on trial,
    /// `upcoming` for one that waits for its moment. One at a time.
    pub async fn offer(
        &self,
        slot: &str,
        package: Package,
        approval: Approval,
    ) -> Result<SwapReport, AdmissionError> {
        self.offer_with(slot, package, approval, Rehearsal::Demanded)
            .await
    }

    /// As [`Self::offer`], with or without a rehearsal.
    pub async fn offer_with(
        &self,
        slot: &str,
        package: Package,
        approval: Approval,
        rehearsal: Rehearsal,
    ) -> Result<SwapReport, AdmissionError> {
        let Ok(admitting) = self.swapping.clone().try_lock_owned() else {
            return Err(AdmissionError::Busy);
        };
        let (origin, digest) = (package.origin.clone(), package.digest);
        let offered = self.try_offer(slot, package, &approval, rehearsal, admitting);
        let swapped = offered.await;
        match &swapped {
            Ok(report) => self.swapped(report),
            Err(error) => self.refused(slot, Refusal::new(slot, &origin, digest, error)),
        }
        swapped
    }

    /// Notes that a package could not even be read.
    pub fn unreadable(&self, slot: &str, origin: &str, error: &AdmissionError) {
        let digest = admission::digest(&[]);
        self.refused(slot, Refusal::new(slot, origin, digest, error));
    }

    async fn try_offer(
        &self,
        slot: &str,
        package: Package,
        approval: &Approval,
        rehearsal: Rehearsal,
        admitting: OwnedMutexGuard<()>,
    ) -> Result<SwapReport, AdmissionError> {
        let max = self.engine().limits().component_bytes_max;
        admission::check_size(package.bytes.len() as u64, max)?;
        let vouched = self.vouch(slot, &package, approval)?;
        if self.is_data(slot, &package) {
            return self.take_pack(slot, package, vouched, admitting).await;
        }
        let world = admission::world_of(&package.bytes)?;
        self.check_world(slot, world)?;
        let package = Arc::new(package);
        let loaded = self
            .admit_elsewhere(slot, package.clone(), rehearsal, admitting)
            .await?;
        self.confirm(&vouched, &loaded)?;
        let slot = self.place(slot, &loaded)?;
        self.remember(&slot, &loaded, &package.bytes, &vouched)?;
        let taken = self.activate(Held::new(slot, vouched.source, loaded));
        Ok(SwapReport {
            slot: taken.slot,
            subject: Subject::Plugin(world),
            from: taken.from,
            to: taken.to,
        })
    }

    fn check_world(&self, slot: &str, found: World) -> Result<(), AdmissionError> {
        if let Some(held) = self.active.load().find(slot)
            && held.world() != found
        {
            return Err(AdmissionError::WrongWorld {
                slot: slot.to_owned(),
                wanted: held.world(),
                found,
            });
        }
        if self.worlds.contains(&found) {
            Ok(())
        } else {
            Err(AdmissionError::NotThisRole(found))
        }
    }

    /// Admits and tries on a thread of its own; it goes on past the deadline, and
    /// until it ends no other swap begins.
    async fn admit_elsewhere(
        &self,
        slot: &str,
        package: Arc<Package>,
        rehearsal: Rehearsal,
        admitting: OwnedMutexGuard<()>,
    ) -> Result<Arc<Loaded>, AdmissionError> {
        let (slot, around) = (slot.to_owned(), self.around());
        let evidence = self.evidence.get().cloned();
        self.elsewhere(move || {
            let manifest = package.manifest.clone().map(Arc::new);
            let admitted = admission::admit(
                Candidate {
                    bytes: &package.bytes,
                    expected: &slot,
                    manifest: manifest.as_ref(),
                },
                &around,
            );
            let tried = admitted.and_then(|newcomer| {
                if rehearsal == Rehearsal::Demanded {
                    rehearsal::rehearse(&newcomer, evidence.as_deref())?;
                }
                Ok(newcomer)
            });
            drop(admitting);
            tried
        })
        .await
    }

    /// Does `work` on a thread of its own, and waits as long as an admission may
    /// take.
    pub(super) async fn elsewhere<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AdmissionError> + Send + 'static,
    ) -> Result<T, AdmissionError> {
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name("plugin-admission".into())
            .stack_size(ADMISSION_STACK_BYTES)
            .spawn(move || {
                give_way();
                let _ = tell.send(work());
            })
            .map_err(|error| AdmissionError::State(error.to_string()))?;
        let max = Duration::from_millis(self.engine().limits().admission_ms_max);
        match tokio::time::timeout(max, told).await {
            Err(_) => Err(AdmissionError::TimedOut(max)),
            Ok(Err(_)) => Err(AdmissionError::Malformed("it broke the compiler".into())),
            Ok(Ok(done)) => done,
        }
    }

    /// The slot that `loaded` may take when asked to take `asked`.
    fn place(&self, asked: &str, loaded: &Loaded) -> Result<String, AdmissionError> {
        let name = &loaded.id.name;
        let active = self.active.load();
        let policy = loaded.world() == World::ScoringPolicy;
        if policy && [SHADOW_SLOT, UPCOMING_SLOT].contains(&asked) {
            return Ok(asked.into());
        }
        let is_policy = |held: &Arc<Held>| held.slot == POLICY_SLOT;
        if policy && (asked == POLICY_SLOT || active.find(asked).is_some_and(|h| is_policy(&h))) {
            return Ok(POLICY_SLOT.into());
        }
        if asked != name {
            return Err(AdmissionError::WrongName {
                slot: asked.to_owned(),
                found: name.clone(),
            });
        }
        if policy {
            return Ok(POLICY_SLOT.into());
        }
        if let Some((solver, by)) = active.solver_taken(loaded) {
            return Err(AdmissionError::SolverTaken { solver, by });
        }
        if active.find(name).is_none() && active.count(loaded.world()) >= ACTIVE_MAX {
            return Err(AdmissionError::TooManyActive(ACTIVE_MAX));
        }
        Ok(name.clone())
    }

    /// On disk first: what takes over must come back after a restart.
    fn remember(
        &self,
        slot: &str,
        loaded: &Loaded,
        bytes: &[u8],
        vouched: &Vouched,
    ) -> Result<(), AdmissionError> {
        let from = self
            .active
            .load()
            .find(slot)
            .map(|held| held.loaded.id.digest);
        let digest = loaded.id.digest;
        let mut state = self.state();
        let kept = (|| {
            state.retain(digest, bytes, &loaded.maker.settings)?;
            if let Some(signed) = &loaded.manifest {
                state.retain_manifest(digest, signed)?;
                let mut seen = state.sequences().clone();
                trust::note(&mut seen, &signed.manifest, &vouched.keys);
                state.note_sequences(seen)?;
            }
            if let Source::Pinned { by } = &vouched.source {
                state.pin(digest, &loaded.id.name, by)?;
            }
            state.activate(Swap {
                slot: slot.to_owned(),
                subject: Subject::Plugin(loaded.world()),
                from,
                to: digest,
                by: vouched.by(),
                at_unix_s: unix_s(),
            })
        })();
        kept.map_err(|error: std::io::Error| AdmissionError::State(error.to_string()))
    }

    /// From here on new calls take `held`.
    pub(super) fn activate(&self, held: Held) -> TakenOver {
        let held = Arc::new(held);
        let (slot, to) = (held.slot.clone(), held.loaded.id.clone());
        let old = self.active.load().find(&slot);
        self.active.rcu(|active| active.with(held.clone()));
        let from = old.as_ref().map(|old| old.loaded.id.clone());
        if let Some(old) = old {
            self.supersede(old);
        }
        TakenOver { slot, from, to }
    }

    pub(super) fn supersede(&self, old: Arc<Held>) {
        let mut superseded = lock(&self.superseded);
        superseded.push_front(old);
        superseded.truncate(SUPERSEDED_MAX);
    }

    pub(super) fn swapped(&self, report: &SwapReport) {
        lock(&self.refusals).retain(|refusal| refusal.slot != report.slot);
        if let Subject::Plugin(world) = report.subject {
            self.base.observer.observe(Event::PluginSwap {
                world,
                kind: SwapKind::Swapped,
            });
        }
        tracing::info!(
            slot = report.slot,
            name = report.to.name,
            version = report.to.version,
            digest = %report.to.digest,
            "a plugin took over"
        );
    }

    pub(super) fn refused(&self, slot: &str, mut refusal: Refusal) {
        // Under the slot's own name, so that `list` shows it whatever was typed.
        let held = self.active.load().find(slot);
        if let Some(held) = &held {
            refusal.slot.clone_from(&held.slot);
            self.base.observer.observe(Event::PluginSwap {
                world: held.world(),
                kind: SwapKind::Refused,
            });
        }
        tracing::warn!(
            slot = refusal.slot,
            origin = refusal.origin,
            digest = %refusal.digest,
            "a plugin was refused, the running one stays: {}; {}",
            refusal.reason,
            refusal.remedy
        );
        self.keep_refusal(refusal);
    }

    pub(super) fn keep_refusal(&self, refusal: Refusal) {
        let mut refusals = lock(&self.refusals);
        refusals.retain(|old| old.slot != refusal.slot);
        refusals.push_front(refusal);
        refusals.truncate(REFUSALS_MAX);
    }
}

/// A pack has no settings of its own.
pub(super) fn no_settings() -> crate::subnet::plugin::Digest {
    settings::digest(&settings::Settings::new())
}

/// Lets the calls that run meanwhile go first. Linux has a priority for each
/// thread; elsewhere it would be the whole process's, so there it stays.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(ADMISSION_NICENESS) {
        tracing::debug!("admission keeps its priority: {error}");
    }
}
