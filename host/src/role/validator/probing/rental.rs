//! One probe's rental: ordered, waited for, looked into, ended.

use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::subnet::probe::{ProbeEnding, ProbeError, ProbeRecord, Seen, Visit};
use crate::subnet::provider::SshEndpoint;
use crate::subnet::rental::{Lease, RentError, RentRequest, cost_micro_usd};
use crate::subnet::text::escape;
use crate::subnet::wire::{Peer, RentCall, RentFailure};

use super::lot::Drawn;
use super::{Probing, Round, judge, unix_s};
use crate::role::validator::Means;

/// How often the end of a rental is asked for before it is left for later.
const END_TRIES: u32 = 3;
/// An order that was not answered may still arrive for so long.
pub(super) const SETTLE_S: u64 = 300;

/// What is known to have come of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The miner signed that there is no rental.
    Nothing,
    /// No answer, or none that counts.
    Unknown,
    /// There is a rental.
    Rented,
}

/// What came of a probe, and whether the machine was reached, if anybody tried.
pub(super) type Ended = (ProbeEnding, Option<bool>);

/// How long things took, from the order on.
pub(super) struct Times {
    pub(super) running: Duration,
    pub(super) login: Duration,
}

/// Rents, looks, and ends the rental, whatever was seen and even if the node is
/// about to end.
pub(super) async fn probe(round: &Round, drawn: &Drawn, record: &ProbeRecord) -> Ended {
    let mut effect = Effect::Nothing;
    let mut leaving = round.leaving.clone();
    let ended = tokio::select! {
        ended = look(round, drawn, record, &mut effect) => ended,
        _ = leaving.wait_for(|leaving| *leaving) => void("this validator is about to end"),
    };
    let (means, probing) = (&round.means, &round.probing);
    if effect == Effect::Nothing {
        release(probing, record, 0).await;
        return ended;
    }
    for _ in 0..END_TRIES {
        if end(means, &drawn.peer, record, effect == Effect::Rented).await {
            release(probing, record, spent(record)).await;
            return ended;
        }
        tokio::time::sleep(probing.options.poll).await;
    }
    warn!(
        uid = drawn.uid,
        rental = record.key,
        "a probe's rental is not known to be over; it will be ended as soon as the miner answers"
    );
    ended
}

fn void(why: &str) -> Ended {
    (ProbeEnding::Void(why.to_owned()), None)
}

async fn look(round: &Round, drawn: &Drawn, record: &ProbeRecord, effect: &mut Effect) -> Ended {
    let visit = match round.probing.prober.prepare() {
        Ok(visit) => visit,
        Err(error) => return void(&error.to_string()),
    };
    let began = Instant::now();
    *effect = Effect::Unknown;
    let request = request(record, visit.ssh_public_key(), round.probing.options.rental);
    let lease = match ask(&round.means, &drawn.peer, RentCall::Order(request)).await {
        Ok(lease) => lease,
        Err(failure) => {
            if !failure.effect_unknown() {
                *effect = Effect::Nothing;
            }
            return (judge::refused(&failure), None);
        }
    };
    *effect = Effect::Rented;
    let waiting = Waiting {
        round,
        drawn,
        record,
        began,
    };
    match waiting.until_running(lease).await {
        Ok(at) => waiting.until_seen(&*visit, &at).await,
        Err(ending) => (ending, None),
    }
}

fn request(record: &ProbeRecord, ssh_public_key: &str, duration: Duration) -> RentRequest {
    RentRequest {
        key: record.key.clone(),
        machine: record.machine.clone(),
        image: None,
        ssh_public_key: ssh_public_key.to_owned(),
        cpu_threads: 0,
        memory_mib: 0,
        disk_mib: 0,
        duration_s: duration.as_secs(),
        price_micro_usd_per_hour_max: record.price_micro_usd_per_hour,
        probe: true,
    }
}

/// A rental that exists, from its order on.
struct Waiting<'a> {
    round: &'a Round,
    drawn: &'a Drawn,
    record: &'a ProbeRecord,
    began: Instant,
}

impl Waiting<'_> {
    /// Asks after the rental until it says where to log in.
    async fn until_running(&self, mut lease: Lease) -> Result<SshEndpoint, ProbeEnding> {
        let mut unreachable = None;
        loop {
            match lease.state.as_str() {
                // Never bought: the miner has let nothing to anybody.
                "refused" => return Err(judge::not_bought(&lease)),
                "ended" | "ending" => return Err(self.failed(&judge::ended_early(&lease))),
                _ => {}
            }
            if let Some(at) = lease.ssh.take().filter(|at| at.host_key.is_some()) {
                return Ok(at);
            }
            if !self.pause().await {
                return Err(match unreachable {
                    Some(why) => ProbeEnding::Void(why),
                    None => self.failed(judge::NEVER_RUNNING),
                });
            }
            unreachable = match self.show().await {
                Ok(shown) => {
                    lease = shown;
                    None
                }
                Err(RentFailure::Said(RentError::NoSuchRental)) => {
                    return Err(self.failed(judge::DENIED));
                }
                Err(failure) => Some(failure.to_string()),
            };
        }
    }

    /// Tries to get in until the machine's time is over: one that starts refuses
    /// connections for a while.
    async fn until_seen(&self, visit: &dyn Visit, at: &SshEndpoint) -> Ended {
        let running = self.began.elapsed();
        loop {
            let looking = self.began.elapsed();
            match visit.look(at).await {
                Ok(seen) => {
                    let login = looking + seen.login;
                    return (self.passed(&seen, &Times { running, login }), Some(true));
                }
                Err(error) if error.is_ours() => return void(&error.to_string()),
                Err(error) if error.in_transport() => {
                    debug!(
                        uid = self.drawn.uid,
                        error = escape(&error.to_string()),
                        "not in yet"
                    );
                    if !self.pause().await {
                        return self.not_reached(&error).await;
                    }
                }
                Err(error) => return (self.failed(&error.to_string()), Some(true)),
            }
        }
    }

    /// A machine that is not reached while its miner is has failed.
    async fn not_reached(&self, error: &ProbeError) -> Ended {
        match self.show().await {
            Ok(_) => (self.failed(&error.to_string()), Some(false)),
            Err(_) => (
                ProbeEnding::Void(judge::NOBODY_REACHED.to_owned()),
                Some(false),
            ),
        }
    }

    /// Waits a moment; false if the machine's time is over.
    async fn pause(&self) -> bool {
        let options = &self.round.probing.options;
        let left = options.ready.saturating_sub(self.began.elapsed());
        tokio::time::sleep(options.poll.min(left)).await;
        !left.is_zero()
    }

    async fn show(&self) -> Result<Lease, RentFailure> {
        let key = self.record.key.clone();
        ask(&self.round.means, &self.drawn.peer, RentCall::Show { key }).await
    }

    fn passed(&self, seen: &Seen, times: &Times) -> ProbeEnding {
        judge::passed(self.record, &self.drawn.machine.claimed, seen, times)
    }

    fn failed(&self, why: &str) -> ProbeEnding {
        judge::failed(self.record, why)
    }
}

async fn ask(means: &Means, peer: &Peer, call: RentCall) -> Result<Lease, RentFailure> {
    let answer = means.dendrite.rent(peer, call).await?;
    answer.into_lease().ok_or_else(|| {
        let strange = "it answers with something else than a rental".to_owned();
        crate::subnet::wire::PeerError::BrokeProtocol(strange).into()
    })
}

/// Asks for a rental's end. Whether it is known to be over: that it is unknown
/// there proves nothing while its order may still arrive.
pub(super) async fn end(means: &Means, peer: &Peer, record: &ProbeRecord, settled: bool) -> bool {
    let key = record.key.clone();
    match ask(means, peer, RentCall::End { key }).await {
        Ok(_) => true,
        Err(RentFailure::Said(RentError::NoSuchRental)) => settled,
        Err(failure) => {
            debug!(
                rental = record.key,
                error = escape(&failure.to_string()),
                "not ended yet"
            );
            false
        }
    }
}

/// Puts on record that a rental is over.
pub(super) async fn release(probing: &Probing, record: &ProbeRecord, cost_micro_usd: u64) {
    let key = record.key.clone();
    let memory = probing.memory();
    let written = memory
        .with(move |book| book.release_probe(&key, cost_micro_usd))
        .await;
    if let Err(error) = written {
        warn!(%error, rental = record.key, "a rental that is over is not on record as such; its end will be asked for again");
    }
}

/// What a rental cost, if it is over now.
pub(super) fn spent(record: &ProbeRecord) -> u64 {
    let seconds = unix_s().saturating_sub(record.began_at).saturating_add(1);
    let cost = cost_micro_usd(record.price_micro_usd_per_hour, seconds);
    cost.min(record.cost_micro_usd_max)
}
