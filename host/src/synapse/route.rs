//! Paths of the subnet's own messages: written by the dendrite, read by the axon.

use std::time::Duration;

use super::head::decimal;
use crate::subnet::challenge::TASK_TIMEOUT_MS_MAX;
use crate::subnet::rental::ID_BYTES_MAX;
use crate::subnet::wire::{
    CHALLENGE_PATH, DESCRIBE_PATH, END_PATH, NAME_BYTES_MAX, OPERATOR_PATH, RENT_PATH, RentCall,
};

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Describe,
    Challenge {
        session: String,
        step: u16,
        solver: String,
        timeout: Duration,
    },
    End {
        session: String,
    },
    /// A rental, which the body describes.
    Order,
    /// What the path says of rentals; never an order.
    Rent(RentCall),
    /// What the body says goes with it.
    Operate {
        operation: String,
    },
}

/// Reads a request target; anything not exactly a route is `None`.
pub(super) fn read(target: &str) -> Option<Route> {
    if target == DESCRIBE_PATH {
        return Some(Route::Describe);
    }
    if let Some(session) = below(target, END_PATH) {
        let session = session.to_owned();
        return is_name(&session).then_some(Route::End { session });
    }
    if let Some(wanted) = below(target, RENT_PATH) {
        return read_rent(wanted);
    }
    if let Some(operation) = below(target, OPERATOR_PATH) {
        let operation = operation.to_owned();
        return is_name(&operation).then_some(Route::Operate { operation });
    }
    let rest = below(target, CHALLENGE_PATH)?;
    let mut parts = rest.split('/');
    let (session, step) = (parts.next()?, parts.next()?);
    let (solver, timeout_ms) = (parts.next()?, parts.next()?);
    if parts.next().is_some() || !is_name(session) || !is_name(solver) {
        return None;
    }
    Some(Route::Challenge {
        session: session.to_owned(),
        step: u16::try_from(decimal(step)?).ok()?,
        solver: solver.to_owned(),
        timeout: timeout(decimal(timeout_ms)?)?,
    })
}

fn read_rent(wanted: &str) -> Option<Route> {
    let mut parts = wanted.split('/');
    let (verb, key, more) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() || key.is_some_and(|key| !is_key(key)) {
        return None;
    }
    let call = match (verb, key.map(str::to_owned), more) {
        ("order", None, None) => return Some(Route::Order),
        ("offers", None, None) => RentCall::Offers,
        ("list", None, None) => RentCall::List,
        ("show", Some(key), None) => RentCall::Show { key },
        ("end", Some(key), None) => RentCall::End { key },
        ("extend", Some(key), Some(by_s)) => RentCall::Extend {
            key,
            by_s: decimal(by_s).filter(|by_s| *by_s > 0)?,
        },
        _ => return None,
    };
    Some(Route::Rent(call))
}

/// What [`read`] reads; `None` if the key is none or nothing is asked for.
pub(super) fn rent(call: &RentCall) -> Option<String> {
    if call.key().is_some_and(|key| !is_key(key)) {
        return None;
    }
    let wanted = match call {
        RentCall::Offers => "offers".to_owned(),
        RentCall::Order(_) => "order".to_owned(),
        RentCall::List => "list".to_owned(),
        RentCall::Show { key } => format!("show/{key}"),
        RentCall::Extend { by_s: 0, .. } => return None,
        RentCall::Extend { key, by_s } => format!("extend/{key}/{by_s}"),
        RentCall::End { key } => format!("end/{key}"),
    };
    Some(format!("{RENT_PATH}/{wanted}"))
}

/// What [`read`] reads; `None` if the operation is no name.
pub(super) fn operate(operation: &str) -> Option<String> {
    is_name(operation).then(|| format!("{OPERATOR_PATH}/{operation}"))
}

/// A time that a task may take.
fn timeout(ms: u64) -> Option<Duration> {
    (1..=TASK_TIMEOUT_MS_MAX.into())
        .contains(&ms)
        .then(|| Duration::from_millis(ms))
}

fn below<'a>(target: &'a str, path: &str) -> Option<&'a str> {
    target.strip_prefix(path)?.strip_prefix('/')
}

/// What [`read`] reads as the end of a session; `None` if the name is none.
pub(super) fn end(session: &str) -> Option<String> {
    is_name(session).then(|| format!("{END_PATH}/{session}"))
}

/// What [`read`] reads; `None` if a name is none or nobody could answer in time.
pub(super) fn challenge(session: &str, step: u16, solver: &str, time: Duration) -> Option<String> {
    let ms = u64::try_from(time.as_millis()).ok()?;
    let valid = is_name(session) && is_name(solver) && timeout(ms).is_some();
    valid.then(|| format!("{CHALLENGE_PATH}/{session}/{step}/{solver}/{ms}"))
}

/// `[a-z0-9-]`, 1 to [`NAME_BYTES_MAX`] of them.
pub(super) fn is_name(text: &str) -> bool {
    is_word(text, NAME_BYTES_MAX)
}

/// The key of a rental: as a name, and up to [`ID_BYTES_MAX`].
pub(super) fn is_key(text: &str) -> bool {
    is_word(text, ID_BYTES_MAX)
}

fn is_word(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_that_is_nearly_right_is_no_route() {
        for path in [
            "",
            "/",
            "*",
            "/compute-subnet/1/describe/",
            "/compute-subnet/1/describe?x",
            "/compute-subnet/2/describe",
            "/compute-subnet/1/challenge",
            "/compute-subnet/1/challenge/s/0",
            "/compute-subnet/1/challenge/s/0/",
            "/compute-subnet/1/challenge/s/0/x",
            "/compute-subnet/1/challenge/s/0/x/",
            "/compute-subnet/1/challenge/s/0/x/0",
            "/compute-subnet/1/challenge/s/0/x/01",
            "/compute-subnet/1/challenge/s/0/x/120001",
            "/compute-subnet/1/rent",
            "/compute-subnet/1/rent/",
            "/compute-subnet/1/rent/offers/",
            "/compute-subnet/1/rent/order/k",
            "/compute-subnet/1/rent/show",
            "/compute-subnet/1/rent/show/",
            "/compute-subnet/1/rent/show/K",
            "/compute-subnet/1/rent/show/k/1",
            "/compute-subnet/1/rent/extend/k",
            "/compute-subnet/1/rent/extend/k/0",
            "/compute-subnet/1/rent/extend/k/-1",
            "/compute-subnet/1/rent/extend/k/1/1",
            "/compute-subnet/1/operator/",
            "/compute-subnet/1/operator/rent/x",
            "/compute-subnet/1/challenge/s/0/x/9/",
            "/compute-subnet/1/challenge/s/00/x/9",
            "/compute-subnet/1/challenge/s/65536/x/9",
            "/compute-subnet/1/challenge/S/0/x/9",
            "/compute-subnet/1/challenge/../0/x/9",
            "/compute-subnet/1/challenge/s/0/x/9?y",
            "/compute-subnet/1/end",
            "/compute-subnet/1/end/",
            "/compute-subnet/1/end/s/0",
            "/compute-subnet/1/end/S",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let second = Duration::from_secs(1);
        assert_eq!(challenge(&long, 0, "x", second), None);
        assert_eq!(challenge("s", 0, "x", Duration::ZERO), None);
    }

    proptest::proptest! {
        #[test]
        fn every_route_survives_its_path(session in "[a-z0-9-]{1,64}", step: u16, solver in "[a-z0-9-]{1,64}", ms in 1..=120_000_u64) {
            let timeout = Duration::from_millis(ms);
            let path = challenge(&session, step, &solver, timeout).unwrap();
            let ended = end(&session).unwrap();
            proptest::prop_assert_eq!(read(&ended), Some(Route::End { session: session.clone() }));
            proptest::prop_assert_eq!(read(&path), Some(Route::Challenge { session, step, solver, timeout }));
        }

        #[test]
        fn every_call_about_a_rental_is_read_as_it_was_written(
            key in "[a-z0-9-]{1,128}",
            by_s in 1..=u64::MAX,
        ) {
            for call in [
                RentCall::Offers,
                RentCall::List,
                RentCall::Show { key: key.clone() },
                RentCall::Extend { key: key.clone(), by_s },
                RentCall::End { key },
            ] {
                let path = rent(&call).unwrap();
                proptest::prop_assert_eq!(read(&path), Some(Route::Rent(call)));
            }
        }

        #[test]
        fn no_path_makes_the_reader_panic(
            path in "(/compute-subnet/1/(challenge|rent/extend))?.{0,80}",
        ) {
            let _ = read(&path);
        }
    }
}
