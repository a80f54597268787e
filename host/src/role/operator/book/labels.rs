//! What a rental's record says beside its fields.

use crate::subnet::hardware::Label;
use crate::subnet::rental::Rental;

/// Its renter wants it to end; it was not known yet whether it had begun.
const END_WANTED: &str = "end-wanted";
/// When its miner was asked for more time and did not say what came of it; Unix seconds.
const EXTENDING_SINCE: &str = "extending-since";

/// Whether its renter wants it to end.
pub(super) fn is_end_wanted(rental: &Rental) -> bool {
    rental.labels.iter().any(|label| label.name == END_WANTED)
}

pub(super) fn want_end(rental: &mut Rental) {
    set(rental, END_WANTED, String::new());
}

/// When more time was asked for that is not confirmed.
pub(super) fn extending_since(rental: &Rental) -> Option<u64> {
    let mut labels = rental.labels.iter();
    let found = labels.find(|label| label.name == EXTENDING_SINCE)?;
    found.value.parse().ok()
}

pub(super) fn begin_extending(rental: &mut Rental, now: u64) {
    set(rental, EXTENDING_SINCE, now.to_string());
}

pub(super) fn end_extending(rental: &mut Rental) {
    remove(rental, EXTENDING_SINCE);
}

fn set(rental: &mut Rental, name: &str, value: String) {
    remove(rental, name);
    rental.labels.push(Label {
        name: name.to_owned(),
        value,
    });
}

fn remove(rental: &mut Rental, name: &str) {
    rental.labels.retain(|label| label.name != name);
}
