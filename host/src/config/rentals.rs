//! `[rentals]`: what is let, at which price, and what it may cost.

use crate::subnet::letting::{Probes, Rules, Unknown};
use crate::subnet::wire::MACHINES_MAX;

use super::reader::Reader;

/// A million dollars, in millionths.
const MICRO_USD_MAX: u64 = 1_000_000_000_000;
/// A year.
const SECONDS_MAX: u64 = 366 * 24 * 3_600;
/// A day.
const DAY_S: u64 = 24 * 3_600;

/// The rules; the miner's own machine costs what `[miner]` says.
pub(super) fn read(reader: &mut Reader, own_price_micro_usd_per_hour: u64) -> Rules {
    let mut rules = Rules {
        own_price_micro_usd_per_hour,
        ..Rules::default()
    };
    what(reader, &mut rules);
    costs(reader, &mut rules);
    how_much(reader, &mut rules);
    times(reader, &mut rules);
    unknown(reader, &mut rules);
    rules
}

fn what(reader: &mut Reader, rules: &mut Rules) {
    let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    rules.adapters = reader.texts("rentals.adapters", "a list of adapters' names", name);
    rules.regions = reader.texts("rentals.regions", "a list of regions", name);
    rules.gpu_models = reader.texts("rentals.gpu-models", "a list of parts of names", name);
    rules.interruptible = reader.flag("rentals.interruptible", rules.interruptible);
    rules.listings_max = reader.integer(
        "rentals.listings-max",
        rules.listings_max,
        0..=MACHINES_MAX - 1,
    );
    let probes = [
        ("nothing", Probes::Nothing),
        ("own", Probes::Own),
        ("all", Probes::All),
    ];
    rules.probes = reader
        .choice("rentals.probes", "own", &probes)
        .unwrap_or(rules.probes);
}

fn costs(reader: &mut Reader, rules: &mut Rules) {
    let amount = 0..=MICRO_USD_MAX;
    rules.markup_permille = reader.integer(
        "rentals.markup-permille",
        rules.markup_permille,
        0..=100_000,
    );
    rules.price_micro_usd_per_hour_min = reader.integer(
        "rentals.price-micro-usd-per-hour-min",
        rules.price_micro_usd_per_hour_min,
        amount.clone(),
    );
    rules.provider_price_micro_usd_per_hour_max = reader.integer(
        "rentals.provider-price-micro-usd-per-hour-max",
        rules.provider_price_micro_usd_per_hour_max,
        amount.clone(),
    );
    rules.spend_per_day_max = reader.integer(
        "rentals.spend-per-day-micro-usd-max",
        rules.spend_per_day_max,
        amount.clone(),
    );
    rules.spend_per_adapter_day_max = reader.integer_or_none(
        "rentals.spend-per-adapter-day-micro-usd-max",
        amount.clone(),
    );
    rules.spend_per_rental_max =
        reader.integer_or_none("rentals.spend-per-rental-micro-usd-max", amount);
}

fn how_much(reader: &mut Reader, rules: &mut Rules) {
    rules.rentals_max = reader.integer("rentals.rentals-max", rules.rentals_max, 1..=100_000);
    rules.rentals_per_renter_max = reader.integer(
        "rentals.rentals-per-renter-max",
        rules.rentals_per_renter_max,
        1..=100_000,
    );
    rules.duration_s_min =
        reader.integer("rentals.duration-s-min", rules.duration_s_min, 1..=DAY_S);
    rules.duration_s_max = reader.integer(
        "rentals.duration-s-max",
        rules.duration_s_max,
        1..=SECONDS_MAX,
    );
    rules.probe_duration_s_max = reader.integer(
        "rentals.probe-duration-s-max",
        rules.probe_duration_s_max,
        1..=DAY_S,
    );
}

fn times(reader: &mut Reader, rules: &mut Rules) {
    let mut seconds = |key, default| reader.integer(key, default, 1..=DAY_S);
    rules.offers_age_s = seconds("rentals.offers-age-s", rules.offers_age_s);
    rules.offers_stale_s = seconds("rentals.offers-stale-s", rules.offers_stale_s);
    rules.settle_s = seconds("rentals.settle-s", rules.settle_s);
    rules.order_timeout_s = seconds("rentals.order-timeout-s", rules.order_timeout_s);
    rules.start_timeout_s = seconds("rentals.start-timeout-s", rules.start_timeout_s);
    rules.call_timeout_s = seconds("rentals.call-timeout-s", rules.call_timeout_s);
    rules.reconcile_s = seconds("rentals.reconcile-s", rules.reconcile_s);
}

fn unknown(reader: &mut Reader, rules: &mut Rules) {
    let own = [
        ("end", Unknown::End),
        ("adopt", Unknown::Adopt),
        ("report", Unknown::Report),
    ];
    let foreign = [("end", Unknown::End), ("report", Unknown::Report)];
    rules.unknown_own = reader
        .choice("rentals.unknown-own", "end", &own)
        .unwrap_or(rules.unknown_own);
    rules.unknown_foreign = reader
        .choice("rentals.unknown-foreign", "report", &foreign)
        .unwrap_or(rules.unknown_foreign);
}
