//! `[probe]`: whether machines that miners offer are rented and looked into.

use std::time::Duration;

use super::reader::Reader;
use super::sections::millis;

/// A million US dollars: more is a slip of the keyboard.
const MICRO_USD_MAX: u64 = 1_000_000_000_000;

/// What probes may take. Prices and sums are in millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Machines of one epoch.
    pub machines_per_epoch: u64,
    /// Machines rented at the same time.
    pub machines_at_once: usize,
    /// How long a machine is rented, if it is not given back before.
    pub rental: Duration,
    /// From the order until one gets in, at most.
    pub ready_timeout: Duration,
    /// For one visit by SSH.
    pub visit_timeout: Duration,
    /// Machines that cost more are not rented.
    pub price_micro_usd_per_hour_max: u64,
    /// For all rentals of one epoch.
    pub epoch_micro_usd_max: u64,
    /// For all rentals of any 24 hours.
    pub day_micro_usd_max: u64,
}

/// What probes may take, or `None` if there are to be none.
pub(super) fn read(reader: &mut Reader) -> Option<Probe> {
    let mut micro_usd = |key, default| reader.integer(key, default, 0..=MICRO_USD_MAX);
    let price = micro_usd("probe.price-micro-usd-per-hour-max", 5_000_000);
    let epoch = micro_usd("probe.epoch-micro-usd-max", 1_000_000);
    let day = micro_usd("probe.day-micro-usd-max", 10_000_000);
    let probe = Probe {
        machines_per_epoch: reader.integer("probe.machines-per-epoch", 4, 1..=256),
        machines_at_once: reader.integer("probe.machines-at-once", 2, 1..=64),
        rental: Duration::from_secs(reader.integer("probe.rental-s", 600, 60..=86_400)),
        ready_timeout: millis(reader, "probe.ready-timeout-ms", 300_000, 3_600_000),
        visit_timeout: millis(reader, "probe.visit-timeout-ms", 60_000, 600_000),
        price_micro_usd_per_hour_max: price,
        epoch_micro_usd_max: epoch,
        day_micro_usd_max: day,
    };
    reader.flag("probe.enabled", false).then_some(probe)
}
