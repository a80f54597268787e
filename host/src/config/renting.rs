//! `[rentals]`: who may rent, what is remembered; and `[operator]`: who may rent by way of this node.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::subnet::key::AccountId;
use crate::subnet::purse::Purse;

use super::problem::Problem;
use super::reader::Reader;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// What is spent is told from rentals of the last day: they must be there.
const KEEP_ENDED_DAYS: RangeInclusive<u32> = 2..=3_660;

/// Who may rent a miner's machines, and how long that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renters {
    /// May rent, registered in the subnet or not.
    pub listed: Vec<AccountId>,
    /// Validators with a permit may rent as well.
    pub validators: bool,
    /// The original's `Allocate` is answered.
    pub allocate: bool,
    /// How long rentals that are over stay on record.
    pub keep_ended: Duration,
}

impl Renters {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listed: reader.texts("rentals.renters", ADDRESSES, |text| text.parse().ok()),
            validators: reader.flag("rentals.to-validators", true),
            allocate: reader.flag("rentals.allocate", false),
            keep_ended: DAY.saturating_mul(reader.integer(
                "rentals.keep-ended-days",
                90,
                KEEP_ENDED_DAYS,
            )),
        }
    }
}

/// Where a validator's operator finds and rents machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Nothing if off.
    pub listen: Option<SocketAddr>,
    /// Whose signed requests are served.
    pub keys: Vec<AccountId>,
    /// What they may spend.
    pub purse: Purse,
}

impl Operator {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let expected = "an address and port such as 127.0.0.1:9292, or off";
        let listen = reader.text("operator.listen", "off", expected, |text| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        });
        let keys: Vec<AccountId> =
            reader.texts("operator.keys", ADDRESSES, |text| text.parse().ok());
        let listen = listen.flatten();
        if listen.is_some() && keys.is_empty() {
            reader.problems.push(Problem::general(
                "`operator.listen` is given and nobody may call: write the SS58 address of your \
                 own key into `operator.keys`"
                    .to_owned(),
            ));
        }
        Self {
            listen,
            keys,
            purse: purse(reader),
        }
    }
}

fn purse(reader: &mut Reader) -> Purse {
    let none = Purse::default();
    let amount = 0..=MICRO_USD_MAX;
    Purse {
        price_micro_usd_per_hour_max: reader.integer(
            "operator.price-micro-usd-per-hour-max",
            none.price_micro_usd_per_hour_max,
            amount.clone(),
        ),
        spend_per_rental_micro_usd_max: reader
            .integer_or_none("operator.spend-per-rental-micro-usd-max", amount.clone()),
        spend_per_day_micro_usd_max: reader.integer(
            "operator.spend-per-day-micro-usd-max",
            none.spend_per_day_micro_usd_max,
            amount.clone(),
        ),
        spend_per_renter_day_micro_usd_max: reader
            .integer_or_none("operator.spend-per-renter-day-micro-usd-max", amount),
        rentals_max: reader.integer("operator.rentals-max", none.rentals_max, 1..=10_000),
    }
}

const ADDRESSES: &str = "a list of SS58 addresses";
/// A million US dollars: more is a slip of the keyboard.
const MICRO_USD_MAX: u64 = 1_000_000_000_000;
