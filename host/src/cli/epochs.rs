//! Which epochs: `7`, `7..12`, `7..`, `..12`; both ends belong to it.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// A range of the chain's epoch numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Epochs(pub(super) RangeInclusive<u64>);

impl Default for Epochs {
    fn default() -> Self {
        Self(0..=u64::MAX)
    }
}

impl FromStr for Epochs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, absent: u64| match text.trim() {
            "" => Ok(absent),
            digits => digits
                .parse()
                .map_err(|_| "epochs are numbers, such as 7, 7..12, 7.. or ..12".to_owned()),
        };
        let range = match text.split_once("..") {
            Some((first, last)) => number(first, 0)?..=number(last, u64::MAX)?,
            None if text.trim().is_empty() => return Err("no epoch was named".to_owned()),
            None => number(text, 0)?..=number(text, 0)?,
        };
        if range.is_empty() {
            return Err("the first epoch comes after the last".to_owned());
        }
        Ok(Self(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_ends_or_one_or_none() {
        let read = |text: &str| text.parse::<Epochs>().map(|epochs| epochs.0);
        assert_eq!(read("7"), Ok(7..=7));
        assert_eq!(read("7..12"), Ok(7..=12));
        assert_eq!(read("7.."), Ok(7..=u64::MAX));
        assert_eq!(read("..12"), Ok(0..=12));
        for wrong in ["", "x", "9..7", "1..x", "-1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
