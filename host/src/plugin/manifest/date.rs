//! A moment in UTC, to the second, in one spelling: `2027-01-31T00:00:00Z`.

use std::fmt;
use std::str::FromStr;

const DAY_S: u64 = 86_400;
/// Years with four digits, from 1970 on.
const YEARS: std::ops::RangeInclusive<u64> = 1970..=9999;

/// Seconds since 1970, as `SystemTime` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl FromStr for Instant {
    type Err = ();

    /// A 60th second and a 30th of February are refused, like everything else
    /// that is not written as `Display` would.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 20 || !text.is_ascii() {
            return Err(());
        }
        let number = |from: usize, to: usize| text[from..to].parse::<u64>().map_err(|_| ());
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !YEARS.contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(());
        }
        let time = hour * 3_600 + minute * 60 + second;
        let instant = Self(days(year, month, day) * DAY_S + time);
        if instant.to_string() == text {
            Ok(instant)
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, time) = (self.0 / DAY_S, self.0 % DAY_S);
        let mut year = 1970;
        while rest >= year_days(year) {
            rest -= year_days(year);
            year += 1;
        }
        let mut month = 1;
        while rest >= month_days(year, month) {
            rest -= month_days(year, month);
            month += 1;
        }
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
        let day = rest + 1;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Days from 1970 to that day, which may be one that its month does not have.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year).map(year_days).sum();
    let months: u64 = (1..month).map(|month| month_days(year, month)).sum();
    years + months + day - 1
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(is_leap(year)),
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_are_written_as_everywhere_else() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Instant(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Instant(seconds)));
        }
    }

    #[test]
    fn a_moment_that_is_none_is_refused() {
        for text in [
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-00-01T00:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T00:00:60Z",
            "2027-01-15 00:00:00Z",
            "+027-01-15T00:00:00Z",
            "2027-01-15T00:00:00z",
            "2027-01-15T00:00:0aZ",
            "1969-12-31T23:59:59Z",
            "２027-01-15T00:00:0",
            "",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_moment_reads_back(seconds in 0..=253_402_300_799_u64) {
            let instant = Instant(seconds);
            proptest::prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,24}") {
            let _ = text.parse::<Instant>();
        }
    }
}
