//! | key | default | |
//! |---|---|---|
//! | `price-micro-usd-per-hour` | 0 | what the whole of what is let out costs its operator, such as power or rent, and a part its share: counted as spent, and passed on with the node's markup. Where it costs nothing, renters pay what `[miner]` says |
//! | `parts` | 1 | into how many equal parts it can be divided, at most 64 |
//! | `region` | `local` | what offers say of where it is |

use plugin_settings::Table;

const KEYS: [&str; 3] = ["price-micro-usd-per-hour", "parts", "region"];
/// A million US dollars an hour.
const PRICE_MAX: u64 = 1_000_000_000_000;
const PARTS_MAX: u64 = 64;
const REGION_CHARS_MAX: usize = 64;

/// What the machine costs, and how it is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) whole_micro_usd_per_hour: u64,
    pub(crate) parts: u64,
    pub(crate) region: String,
}

impl Settings {
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let table = Table::new(pairs, &KEYS)?;
        let region = table.text(KEYS[2]).unwrap_or("local");
        if region.is_empty() || region.chars().count() > REGION_CHARS_MAX {
            return Err(format!("region must be 1 to {REGION_CHARS_MAX} characters"));
        }
        Ok(Self {
            whole_micro_usd_per_hour: table.number(KEYS[0], 0, 0..=PRICE_MAX)?,
            parts: table.number(KEYS[1], 1, 1..=PARTS_MAX)?,
            region: region.to_owned(),
        })
    }

    /// What so many parts cost, in millionths of a US dollar an hour; rounded up.
    pub(crate) fn price(&self, parts: u64) -> u64 {
        self.whole_micro_usd_per_hour
            .saturating_mul(parts)
            .div_ceil(self.parts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Settings::read(&pairs)
    }

    #[test]
    fn a_machine_of_one_s_own_costs_nothing_unless_its_operator_says_so() {
        assert_eq!(read(&[]).unwrap().price(1), 0);
        assert!(read(&[("price-micro-usd-per-hour", "-1")]).is_err());
        assert!(
            read(&[("price", "1")])
                .unwrap_err()
                .contains("there is no setting")
        );
    }

    #[test]
    fn a_part_costs_its_share_and_parts_together_no_less_than_the_whole() {
        let settings = read(&[("price-micro-usd-per-hour", "100"), ("parts", "3")]).unwrap();
        assert_eq!(
            (settings.price(1), settings.price(2), settings.price(3)),
            (34, 67, 100)
        );
        assert!(read(&[("price-micro-usd-per-hour", "1"), ("parts", "65")]).is_err());
    }
}
