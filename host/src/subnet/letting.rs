//! What a miner's operator lets, at which price, and what it may cost.

use super::wire::MACHINES_MAX;

/// What is done with an instance that the ledger does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is ended.
    End,
    /// It becomes the operator's own rental, until it was to end.
    Adopt,
    /// It is reported, loudly, and left alone.
    Report,
}

/// Which machines a probe may rent: a probe of a cloud's machine costs money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probes {
    /// None.
    Nothing,
    /// The one the node runs on.
    Own,
    /// Any.
    All,
}

/// The operator's rules. Amounts are millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The adapter that lets the machine the node runs on.
    pub own_adapter: String,
    /// What that machine costs a renter; zero if it is not for rent.
    pub own_price_micro_usd_per_hour: u64,
    /// Adapters whose machines are let; empty for all.
    pub adapters: Vec<String>,
    /// Places that are let; empty for all.
    pub regions: Vec<String>,
    /// Parts of the names of cards; if there are any, nothing else is let.
    pub gpu_models: Vec<String>,
    /// Whether machines are let that the provider may take back at any time.
    pub interruptible: bool,
    /// What is put on a provider's price, in thousandths of it.
    pub markup_permille: u64,
    /// No rented machine costs a renter less.
    pub price_micro_usd_per_hour_min: u64,
    /// No machine that costs the operator more is rented.
    pub provider_price_micro_usd_per_hour_max: u64,
    /// Machines shown, the miner's own not counted.
    pub listings_max: usize,
    /// Offers older than this are asked for again.
    pub offers_age_s: u64,
    /// Offers older than this are not shown while their adapter fails.
    pub offers_stale_s: u64,
    /// No rental is shorter.
    pub duration_s_min: u64,
    /// No rental is longer, extensions included.
    pub duration_s_max: u64,
    /// What one rental may cost the operator.
    pub spend_per_rental_max: Option<u64>,
    /// What rentals that lived within the last day may cost the operator, all of
    /// their time counted.
    pub spend_per_day_max: u64,
    /// The same for the rentals of one adapter.
    pub spend_per_adapter_day_max: Option<u64>,
    /// Rentals at once.
    pub rentals_max: usize,
    /// Rentals at once of one renter.
    pub rentals_per_renter_max: usize,
    /// What probes may rent.
    pub probes: Probes,
    /// No probe is longer.
    pub probe_duration_s_max: u64,
    /// Between two looks for what may have been bought.
    pub settle_s: u64,
    /// An order that was not carried out by then is given up.
    pub order_timeout_s: u64,
    /// A machine that cannot be logged in to by then is ended.
    pub start_timeout_s: u64,
    /// How long one call of an adapter may take.
    pub call_timeout_s: u64,
    /// Between two comparisons of the ledger with what the providers run.
    pub reconcile_s: u64,
    /// What becomes of instances with this node's keys that the ledger does not know.
    pub unknown_own: Unknown,
    /// What becomes of the account's other instances.
    pub unknown_foreign: Unknown,
}

impl Default for Rules {
    /// Lets nothing that costs money until somebody says how much it may be.
    fn default() -> Self {
        Self {
            own_adapter: "provider-local".to_owned(),
            own_price_micro_usd_per_hour: 0,
            adapters: Vec::new(),
            regions: Vec::new(),
            gpu_models: Vec::new(),
            interruptible: false,
            markup_permille: 200,
            price_micro_usd_per_hour_min: 10_000,
            provider_price_micro_usd_per_hour_max: 50_000_000,
            listings_max: MACHINES_MAX - 1,
            offers_age_s: 60,
            offers_stale_s: 600,
            duration_s_min: 60,
            duration_s_max: 30 * 24 * 3_600,
            spend_per_rental_max: None,
            spend_per_day_max: 0,
            spend_per_adapter_day_max: None,
            rentals_max: 64,
            rentals_per_renter_max: 8,
            probes: Probes::Own,
            probe_duration_s_max: 900,
            settle_s: 60,
            order_timeout_s: 600,
            start_timeout_s: 900,
            call_timeout_s: 300,
            reconcile_s: 180,
            unknown_own: Unknown::End,
            unknown_foreign: Unknown::Report,
        }
    }
}
