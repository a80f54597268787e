//! What a rental's record says beside its fields, and what an order tells its
//! adapter.

use crate::subnet::hardware::Label;
use crate::subnet::rental::{Act, Rental};

/// The end that the provider is being asked for, in Unix seconds.
const EXTEND_TO: &str = "extend-to";
/// Why nothing was bought, in one word: see `renting`.
const REFUSAL: &str = "refusal";
/// What a renter would have paid, where the price rose.
const ROSE_TO: &str = "rose-to-micro-usd-per-hour";

/// What its renter had done to it last, and when, in Unix seconds.
const ACT: &str = "act";
const ACT_AT: &str = "act-at";
/// What came of it: `done` or `failed`; absent if nobody knows.
const ACT_RESULT: &str = "act-result";
/// The key that was to be let in instead of the one in the request.
const SSH_PUBLIC_KEY: &str = "ssh-public-key";
/// Since when it cannot be logged in to, though it could be before; Unix seconds.
const AWAY_SINCE: &str = "away-since";

/// In an order: the hardware threads wanted, if not all there are.
pub(super) const CPU_THREADS: &str = "cpu-threads";
/// In an order: the memory wanted, if not all there is.
pub(super) const MEMORY_MIB: &str = "memory-mib";

/// In an offer of a part of a machine: how many of how many equal parts, as `1/4`.
const SHARE: &str = "share";

/// The parts that are offered, and of how many; of what does not say, all.
pub(super) fn share(labels: &[Label]) -> (u64, u64) {
    let found = labels.iter().find(|label| label.name == SHARE);
    let share = found.and_then(|label| {
        let (parts, of) = label.value.split_once('/')?;
        Some((parts.parse().ok()?, of.parse().ok()?))
    });
    share
        .filter(|(parts, of)| (1..=*of).contains(parts))
        .unwrap_or((1, 1))
}

pub(super) fn label(name: &str, value: impl ToString) -> Label {
    Label {
        name: name.to_owned(),
        value: value.to_string(),
    }
}

fn get<'a>(rental: &'a Rental, name: &str) -> Option<&'a str> {
    let found = rental.labels.iter().find(|label| label.name == name);
    found.map(|label| label.value.as_str())
}

fn set(rental: &mut Rental, name: &str, value: impl ToString) {
    unset(rental, name);
    rental.labels.push(label(name, value));
}

fn unset(rental: &mut Rental, name: &str) {
    rental.labels.retain(|label| label.name != name);
}

/// An extension between its intent and its result.
pub(super) fn extending_to(rental: &Rental) -> Option<u64> {
    get(rental, EXTEND_TO)?.parse().ok()
}

pub(super) fn begin_extending(rental: &mut Rental, ends_at: u64) {
    set(rental, EXTEND_TO, ends_at);
}

pub(super) fn end_extending(rental: &mut Rental) {
    unset(rental, EXTEND_TO);
}

/// The word for why nothing was bought.
pub(super) fn refusal(rental: &Rental) -> Option<(&str, Option<u64>)> {
    let rose_to = get(rental, ROSE_TO).and_then(|text| text.parse().ok());
    Some((get(rental, REFUSAL)?, rose_to))
}

pub(super) fn set_refusal(rental: &mut Rental, word: &str, rose_to: Option<u64>) {
    set(rental, REFUSAL, word);
    if let Some(price) = rose_to {
        set(rental, ROSE_TO, price);
    }
}

/// Something is about to be done to it.
pub(super) fn begin_act(rental: &mut Rental, act: &Act, now: u64) {
    set(rental, ACT, act.as_str());
    set(rental, ACT_AT, now);
    unset(rental, ACT_RESULT);
    if let Act::ExchangeKey { ssh_public_key } = act {
        set(rental, SSH_PUBLIC_KEY, ssh_public_key);
    }
}

/// It was done, or it was not.
pub(super) fn end_act(rental: &mut Rental, done: bool) {
    set(rental, ACT_RESULT, if done { "done" } else { "failed" });
}

/// Since when somebody who could log in to it cannot.
pub(super) fn away_since(rental: &Rental) -> Option<u64> {
    get(rental, AWAY_SINCE)?.parse().ok()
}

pub(super) fn begin_away(rental: &mut Rental, now: u64) {
    set(rental, AWAY_SINCE, now);
}

pub(super) fn end_away(rental: &mut Rental) {
    unset(rental, AWAY_SINCE);
}
