//! What a rental's record says beside its fields, and what an order tells its
//! adapter.

use crate::subnet::hardware::Label;
use crate::subnet::rental::Rental;

/// The end that the provider is being asked for, in Unix seconds.
const EXTEND_TO: &str = "extend-to";
/// Why nothing was bought, in one word: see `renting`.
const REFUSAL: &str = "refusal";
/// What a renter would have paid, where the price rose.
const ROSE_TO: &str = "rose-to-micro-usd-per-hour";

/// In an order: the hardware threads wanted, if not all there are.
pub(super) const CPU_THREADS: &str = "cpu-threads";
/// In an order: the memory wanted, if not all there is.
pub(super) const MEMORY_MIB: &str = "memory-mib";

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
    rental.labels.retain(|label| label.name != name);
    rental.labels.push(label(name, value));
}

/// An extension between its intent and its result.
pub(super) fn extending_to(rental: &Rental) -> Option<u64> {
    get(rental, EXTEND_TO)?.parse().ok()
}

pub(super) fn begin_extending(rental: &mut Rental, ends_at: u64) {
    set(rental, EXTEND_TO, ends_at);
}

pub(super) fn end_extending(rental: &mut Rental) {
    rental.labels.retain(|label| label.name != EXTEND_TO);
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
