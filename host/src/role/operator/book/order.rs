//! Rents the cheapest machine that fits, of one miner after the other.

use sha2::{Digest as _, Sha256};
use tracing::info;

use crate::subnet::key::AccountId;
use crate::subnet::provider::Offer;
use crate::subnet::rental::{
    ID_BYTES_MAX, Phase, RentError, RentRequest, Rental, Renter, cost_micro_usd,
};
use crate::subnet::ssh_key::ssh_key;
use crate::subnet::text::escape;
use crate::subnet::wire::RentCall;

use super::super::asked::{Found, Held, Wanted};
use super::queue::{Queue, Refused};
use super::{Book, DURATION_S_MAX, held};

/// The most orders that one request leads to, one after the other.
const TRIES_MAX: usize = 8;
/// No further miner is asked after this.
const TRYING_S_MAX: u64 = 90;
/// The longest name of an image, in bytes.
const IMAGE_BYTES_MAX: usize = 512;

impl Book {
    /// The cheapest machine that fits; the next one if its miner says no.
    pub(in super::super) async fn rent(
        &self,
        operator: AccountId,
        wanted: Wanted,
    ) -> Result<Held, RentError> {
        check(&wanted)?;
        let order_key = order_key(&operator, &wanted.key);
        let _claim = self.claim(&order_key)?;
        if let Some(known) = self.known(&order_key).await? {
            return Ok(self.look(known).await);
        }
        let mut queue = self.queue(&wanted).await?;
        let begun = self.now();
        let mut opened = None;
        let mut why = RentError::NoSuchMachine("no machine that fits is offered; see find".into());
        for _ in 0..TRIES_MAX {
            let now = self.now();
            let late = now.saturating_sub(begun) > TRYING_S_MAX;
            let Some(found) = queue.next().filter(|_| !late) else {
                break;
            };
            let rental = intend(&operator, &wanted, &found, now);
            if let Err(error) = self.reserve(&rental).await {
                why = error;
                break;
            }
            match self.order(opened.insert(rental)).await {
                Ok(held) => return Ok(held),
                Err(refused) => {
                    why = RentError::Full(format!("{}: {refused}", found.miner));
                    queue.learn(found, &refused);
                }
            }
        }
        self.nobody(opened, why).await
    }

    /// What fits and may be paid for.
    async fn queue(&self, wanted: &Wanted) -> Result<Queue, RentError> {
        let purse = &self.tools.purse;
        purse.is_open()?;
        let mut found = self.tools.market.find(&wanted.requirement).await?;
        if let Some(cheapest) = found.first() {
            purse.allows_price(cheapest.price_micro_usd_per_hour)?;
        }
        found.retain(|found| purse.allows_price(found.price_micro_usd_per_hour).is_ok());
        // Who names no limit agrees to what is shown, and to no more.
        let max = wanted.requirement.price_micro_usd_per_hour_max.unwrap_or(0);
        Ok(Queue::new(
            found,
            max.min(purse.price_micro_usd_per_hour_max),
        ))
    }

    /// `Err` if the miner did nothing, for certain.
    async fn order(&self, rental: &mut Rental) -> Result<Held, Refused> {
        let request = RentRequest {
            key: rental.order_key.clone(),
            ..rental.request.clone()
        };
        let note = match self.call(rental, RentCall::Order(request)).await {
            Ok(lease) if lease.state == "refused" => {
                return Err(Refused::OnRecord(lease.reason.unwrap_or_default()));
            }
            Ok(lease) => {
                let note = self.apply(rental, lease);
                report(rental);
                note
            }
            Err(failure) if failure.effect_unknown() => {
                let since = self.now();
                rental.phase = Phase::Unknown { looks: 0, since };
                Some(format!("whether it is rented is not known yet: {failure}"))
            }
            Err(failure) => return Err(Refused::Said(failure)),
        };
        let note = self.kept(rental, note).await;
        Ok(held(rental, note))
    }

    /// All said no, or it may not cost so much.
    async fn nobody(&self, opened: Option<Rental>, why: RentError) -> Result<Held, RentError> {
        if let Some(mut rental) = opened {
            let reason = escape(&why.detail());
            rental.phase = Phase::Refused { reason };
            rental.over_at = Some(self.now());
            self.keep(&rental).await?;
        }
        Err(why)
    }
}

fn report(rental: &Rental) {
    let Renter::Hotkey(renter) = rental.renter else {
        return;
    };
    info!(
        %renter,
        key = rental.request.key,
        miner = rental.adapter,
        price_micro_usd_per_hour = rental.price_micro_usd_per_hour,
        ends_at = rental.ends_at,
        "rented for a renter"
    );
}

/// Unique to an operator and its key, and the same whenever it is asked for.
pub(in super::super) fn order_key(operator: &AccountId, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(operator.0)
        .chain_update(key.as_bytes())
        .finalize();
    format!("operator-{}", hex::encode(&digest[..16]))
}

/// What no miner would take is not asked for.
fn check(wanted: &Wanted) -> Result<(), RentError> {
    let malformed = |why: String| Err(RentError::Malformed(why));
    let is_key = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !(1..=ID_BYTES_MAX).contains(&wanted.key.len()) || !wanted.key.bytes().all(is_key) {
        return malformed("`key` must be 1 to 128 of a-z, 0-9 and -".to_owned());
    }
    if !(1..=DURATION_S_MAX).contains(&wanted.duration_s) {
        return malformed(format!("`duration_s` must be 1 to {DURATION_S_MAX}"));
    }
    if let Err(why) = ssh_key(&wanted.ssh_public_key) {
        return malformed(format!("`ssh_public_key`: {why}"));
    }
    let image = wanted.image.as_deref();
    let is_image = |image: &str| {
        image.len() <= IMAGE_BYTES_MAX
            && image.bytes().all(|b| b.is_ascii_graphic())
            && image.contains("@sha256:")
    };
    if !image.is_none_or(is_image) {
        return malformed("`image` is named with its digest, as in name@sha256:...".to_owned());
    }
    Ok(())
}

fn intend(operator: &AccountId, wanted: &Wanted, found: &Found, now: u64) -> Rental {
    let price = found.price_micro_usd_per_hour;
    Rental {
        order_key: order_key(operator, &wanted.key),
        renter: Renter::Hotkey(*operator),
        request: RentRequest {
            key: wanted.key.clone(),
            machine: found.machine.clone(),
            image: wanted.image.clone(),
            ssh_public_key: wanted.ssh_public_key.clone(),
            cpu_threads: 0,
            memory_mib: 0,
            disk_mib: 0,
            duration_s: wanted.duration_s,
            price_micro_usd_per_hour_max: price,
            probe: false,
        },
        adapter: found.miner.to_string(),
        offer: Offer {
            id: found.machine.clone(),
            hardware: found.claimed.clone(),
            region: found.region.clone().unwrap_or_default(),
            price_micro_usd_per_hour: price,
            interruptible: false,
            labels: Vec::new(),
        },
        price_micro_usd_per_hour: price,
        spend_micro_usd_max: cost_micro_usd(price, wanted.duration_s),
        began_at: now,
        ends_at: now.saturating_add(wanted.duration_s),
        phase: Phase::Ordered,
        instance: None,
        over_at: None,
        labels: Vec::new(),
    }
}
