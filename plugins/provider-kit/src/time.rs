//! Unix seconds to and from the forms that providers use.

const SECONDS_PER_DAY: u64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `2026-11-22T08:30:00Z`
#[must_use]
pub fn iso8601(unix_s: u64) -> String {
    let (year, month, day) = civil(unix_s / SECONDS_PER_DAY);
    let second = unix_s % SECONDS_PER_DAY;
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

/// `Sun, 22 Nov 2026 08:30:00 GMT`, the one form of RFC 9110 that is still sent.
#[must_use]
pub fn http_date(text: &str) -> Option<u64> {
    let (_, date) = text.trim().split_once(", ")?;
    let parts: Vec<&str> = date.split(' ').collect();
    let [day, month, year, clock, "GMT"] = parts[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = u64::try_from(month).ok()? + 1;
    let days = days(number(year, 9_999)?, month, number(day, 31)?)?;
    let mut clock = clock.split(':');
    let hour = number(clock.next()?, 23)?;
    let minute = number(clock.next()?, 59)?;
    let second = number(clock.next()?, 60)?;
    Some(days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second)
}

fn number(text: &str, max: u64) -> Option<u64> {
    text.parse().ok().filter(|number| *number <= max)
}

/// Years, months and days of a number of days since 1970, in the Gregorian
/// calendar: counted from 1 March of year 0, so that a leap day ends a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`]; `None` before 1970.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let (era, of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_the_date_that_date_prints() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso8601(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(iso8601(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(iso8601(1_795_336_200), "2026-11-22T08:30:00Z");
    }

    #[test]
    fn an_http_date_is_read() {
        assert_eq!(
            http_date("Sun, 22 Nov 2026 08:30:00 GMT"),
            Some(1_795_336_200)
        );
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in [
            "",
            "soon",
            "Sun, 0 Nov 2026 08:30:00 GMT",
            "Sun, 22 Nov 2026 08:30 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn days_and_dates_agree(day in 0_u64..3_000_000) {
            let (year, month, of_month) = civil(day);
            proptest::prop_assert_eq!(days(year, month, of_month), Some(day));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,40}") {
            let _ = http_date(&text);
        }
    }
}
