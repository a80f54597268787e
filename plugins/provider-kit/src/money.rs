//! Prices, in millionths of a US dollar an hour.

use serde_json::Number;

/// Above this an hour, a price is no price but a mistake: ten thousand dollars.
pub const PRICE_MICRO_USD_PER_HOUR_MAX: u64 = 10_000_000_000;
/// Hours that providers count to a month.
const HOURS_PER_MONTH: u64 = 730;

/// Dollars as a provider writes them, to the nearest millionth; `None` for what
/// is no price.
#[must_use]
pub fn micro_usd(dollars: f64) -> Option<u64> {
    if !dollars.is_finite() || dollars < 0.0 {
        return None;
    }
    // Through text, because a cast would hide what does not fit.
    let micro: u64 = format!("{:.0}", dollars * 1e6).parse().ok()?;
    (micro <= PRICE_MICRO_USD_PER_HOUR_MAX).then_some(micro)
}

/// A JSON number of dollars.
#[must_use]
pub fn from_json(dollars: &Number) -> Option<u64> {
    micro_usd(dollars.as_f64()?)
}

/// Dollars in text: `0.526000`.
#[must_use]
pub fn from_text(dollars: &str) -> Option<u64> {
    micro_usd(dollars.trim().parse().ok()?)
}

/// What is billed by the month, by the hour, rounded up.
#[must_use]
pub fn per_hour(micro_usd_per_month: u64) -> u64 {
    micro_usd_per_month.div_ceil(HOURS_PER_MONTH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dollars_become_millionths_exactly() {
        assert_eq!(from_text("0.526000"), Some(526_000));
        assert_eq!(micro_usd(0.1 + 0.2), Some(300_000));
        assert_eq!(from_text("1e-5"), Some(10));
        assert_eq!(from_json(&Number::from_f64(2.99).unwrap()), Some(2_990_000));
    }

    #[test]
    fn what_is_no_price_is_none() {
        for text in ["", "-1", "NaN", "inf", "1e300", "a lot"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_has_730_hours() {
        assert_eq!(per_hour(7_300_000), 10_000);
        assert_eq!(per_hour(1), 1);
    }
}
