//! What the operator may choose.
//!
//! | key | default | meaning |
//! |-----|---------|---------|
//! | `curve` | `linear` | `linear` pays by throughput, `sqrt` by its square root, `flat` alike |
//! | `floor-mops` | 1 | million operations a second below which nothing is paid |
//! | `availability-weight-permille` | 500 | how much of the pay depends on answering |
//! | `price-weight-permille` | 0 | how much depends on the price asked |
//! | `price-reference-micro-usd-per-hour` | 1000000 | the price at and below which all of that is paid |
//! | `smoothing-permille` | 300 | how much is carried over from the epoch before |
//! | `epoch-blocks` | 360 | blocks in an epoch: a gap of several carries over less |
//! | `fresh-blocks` | 0 | how old a finding may be; 0 for twice the time since the last epoch |
//! | `challenge` | any | the generator whose findings count |

use plugin_settings::Table;

/// How throughput becomes pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Twice the throughput, twice the pay.
    Linear,
    /// Four times the throughput, twice the pay.
    SquareRoot,
    /// Everybody above the floor alike.
    Flat,
}

impl Curve {
    /// As it is spelt in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::SquareRoot => "sqrt",
            Self::Flat => "flat",
        }
    }
}

/// The settings, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How throughput becomes pay.
    pub curve: Curve,
    /// Below which nothing is paid.
    pub floor_mops: u64,
    /// 0 to 1000.
    pub availability_weight_permille: u64,
    /// 0 to 1000.
    pub price_weight_permille: u64,
    /// Not zero.
    pub price_reference_micro_usd_per_hour: u64,
    /// 0 to 1000.
    pub smoothing_permille: u64,
    /// Not zero.
    pub epoch_blocks: u64,
    /// None for twice the time since the last epoch.
    pub fresh_blocks: Option<u64>,
    /// None for any.
    pub challenge: Option<String>,
}

impl Settings {
    /// Reads the plugin's table, and says in one line what is wrong with it.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let table = Table::new(pairs, &KEYS)?;
        let permille = |key, default| table.number(key, default, 0..=1_000);
        let fresh_blocks = table.number("fresh-blocks", 0, 0..=u64::MAX)?;
        Ok(Self {
            curve: table.choice("curve", &CURVES)?,
            floor_mops: table.number("floor-mops", 1, 0..=u64::MAX)?,
            availability_weight_permille: permille("availability-weight-permille", 500)?,
            price_weight_permille: permille("price-weight-permille", 0)?,
            price_reference_micro_usd_per_hour: table.number(
                "price-reference-micro-usd-per-hour",
                1_000_000,
                1..=u64::MAX,
            )?,
            smoothing_permille: table.number("smoothing-permille", 300, 0..=999)?,
            epoch_blocks: table.number("epoch-blocks", 360, 1..=u64::MAX)?,
            fresh_blocks: (fresh_blocks > 0).then_some(fresh_blocks),
            challenge: table
                .text("challenge")
                .filter(|name| !name.is_empty() && *name != "any")
                .map(str::to_owned),
        })
    }
}

const KEYS: [&str; 9] = [
    "curve",
    "floor-mops",
    "availability-weight-permille",
    "price-weight-permille",
    "price-reference-micro-usd-per-hour",
    "smoothing-permille",
    "epoch-blocks",
    "fresh-blocks",
    "challenge",
];

const CURVES: [(&str, Curve); 3] = [
    ("linear", Curve::Linear),
    ("sqrt", Curve::SquareRoot),
    ("flat", Curve::Flat),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, value) in [
            ("curve", "cubic"),
            ("floor-mops", "-1"),
            ("availability-weight-permille", "1001"),
            ("price-weight-permille", "50%"),
            ("price-reference-micro-usd-per-hour", "0"),
            ("smoothing-permille", "1000"),
            ("epoch-blocks", "0"),
            ("fresh-blocks", "soon"),
        ] {
            let error = Settings::read(&[(key.to_owned(), value.to_owned())]).unwrap_err();
            assert!(error.starts_with(key), "{key} = {value}: {error}");
        }
    }

    #[test]
    fn an_empty_table_means_the_defaults() {
        let settings = Settings::read(&[]).unwrap();
        assert_eq!(settings.curve, Curve::Linear);
        assert_eq!((settings.fresh_blocks, settings.challenge), (None, None));
    }
}
