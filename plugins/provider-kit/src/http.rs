//! What an answer, or its absence, means for money.

use crate::{Failure, HttpError, Outside, Request, Response, time};

/// How long to wait where a provider that is busy does not say.
pub const RETRY_AFTER_MS_DEFAULT: u32 = 10_000;
/// The longest that a provider's own word is believed.
pub const RETRY_AFTER_S_MAX: u64 = 900;
/// After the node's own budget of requests ran out.
const BUDGET_RETRY_MS: u32 = 60_000;

/// What a request leaves behind when its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Perhaps something that is paid for.
    Perhaps,
}

/// Sends, and turns whatever is no answer into what the host can do about it.
pub fn exchange(
    outside: &dyn Outside,
    request: &Request,
    effect: Effect,
) -> Result<Response, Failure> {
    let error = match outside.send(request) {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    Err(match error {
        HttpError::Denied(why) => Failure::Account(format!("not granted: {why}")),
        HttpError::UnknownCredential(name) => Failure::Account(format!(
            "no credential {name:?} is bound to this adapter and {}",
            origin(&request.url)
        )),
        HttpError::Malformed(why) => Failure::Unsupported(format!("no request: {why}")),
        HttpError::TimedOut => {
            Failure::Upstream(format!("no answer within {} ms", request.timeout_ms))
        }
        HttpError::TooLarge => Failure::Upstream("the answer is larger than the node takes".into()),
        HttpError::Unreachable(why) => Failure::Upstream(format!("not reached: {why}")),
        // Perhaps it ran out while the answer was being read.
        HttpError::OutOfBudget if effect == Effect::Perhaps => {
            Failure::Upstream("the node's budget of requests ran out".into())
        }
        HttpError::OutOfBudget => Failure::Busy(BUDGET_RETRY_MS),
    })
}

/// What statuses mean everywhere; `None` where the provider's own words decide.
#[must_use]
pub fn refusal(response: &Response, now_s: u64, words: &str) -> Option<Failure> {
    let status = response.status;
    let words = format!("{status}: {words}");
    match status {
        401..=403 => Some(Failure::Account(words)),
        429 => Some(Failure::Busy(retry_after_ms(response, now_s))),
        300..=399 => Some(Failure::Unsupported(format!("redirected, {words}"))),
        400..=499 => None,
        200..=299 => None,
        _ => Some(Failure::Upstream(words)),
    }
}

/// How long a provider asks to be left alone: seconds or a date, at least one
/// second and no longer than [`RETRY_AFTER_S_MAX`].
#[must_use]
pub fn retry_after_ms(response: &Response, now_s: u64) -> u32 {
    let header = response.headers.iter();
    let mut header = header.filter(|header| header.name.eq_ignore_ascii_case("retry-after"));
    let Some(header) = header.next() else {
        return RETRY_AFTER_MS_DEFAULT;
    };
    let seconds = header.value.trim().parse::<u64>().ok();
    let date = || time::http_date(&header.value).map(|date| date.saturating_sub(now_s));
    let Some(seconds) = seconds.or_else(date) else {
        return RETRY_AFTER_MS_DEFAULT;
    };
    let ms = seconds.clamp(1, RETRY_AFTER_S_MAX) * 1_000;
    u32::try_from(ms).unwrap_or(RETRY_AFTER_MS_DEFAULT)
}

/// Scheme, host and port of a URL.
#[must_use]
pub fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..after_scheme + end])
}

/// An origin from the settings, which stands alone: no path, no query, no user.
pub fn check_origin(key: &str, text: &str) -> Result<(), String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]{}".contains(&byte);
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(plain) => Ok(()),
        _ => Err(format!(
            "{key} is {text:?}; it must be an origin, as https://api.example.com"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{Scripted, answer, answer_with};
    use crate::{Auth, Method};

    fn request() -> Request {
        Request {
            method: Method::Get,
            url: "https://api.example.com/v1/things?a=b".into(),
            headers: vec![],
            body: vec![],
            auth: Auth::Anonymous,
            timeout_ms: 5,
        }
    }

    fn failed(error: HttpError, effect: Effect) -> Failure {
        exchange(&Scripted::answers(vec![Err(error)]), &request(), effect).unwrap_err()
    }

    #[test]
    fn no_answer_means_that_nobody_knows() {
        for error in [
            HttpError::TimedOut,
            HttpError::TooLarge,
            HttpError::Unreachable("reset".into()),
            HttpError::OutOfBudget,
        ] {
            assert!(matches!(
                failed(error, Effect::Perhaps),
                Failure::Upstream(_)
            ));
        }
    }

    #[test]
    fn what_was_never_sent_is_told_apart() {
        assert_eq!(
            failed(HttpError::OutOfBudget, Effect::None),
            Failure::Busy(60_000)
        );
        let denied = failed(HttpError::Denied("add a line".into()), Effect::Perhaps);
        assert_eq!(denied, Failure::Account("not granted: add a line".into()));
        let unknown = failed(HttpError::UnknownCredential("k".into()), Effect::Perhaps);
        assert!(
            matches!(unknown, Failure::Account(why) if why.contains("https://api.example.com"))
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_within_bounds() {
        let wait = |value: &str| {
            retry_after_ms(&answer_with(429, "retry-after", value, ""), 1_795_336_200)
        };
        assert_eq!(wait("12"), 12_000);
        assert_eq!(wait("0"), 1_000);
        assert_eq!(wait("999999999999"), 900_000);
        assert_eq!(wait("Sun, 22 Nov 2026 08:30:30 GMT"), 30_000);
        assert_eq!(wait("Sun, 22 Nov 2025 08:30:30 GMT"), 1_000);
        assert_eq!(wait("soon"), RETRY_AFTER_MS_DEFAULT);
        assert_eq!(retry_after_ms(&answer(429, ""), 0), RETRY_AFTER_MS_DEFAULT);
    }

    #[test]
    fn a_status_says_who_must_act() {
        let refusal = |status| refusal(&answer(status, ""), 0, "why");
        assert!(matches!(refusal(401), Some(Failure::Account(_))));
        assert!(matches!(refusal(402), Some(Failure::Account(_))));
        assert!(matches!(refusal(429), Some(Failure::Busy(_))));
        assert!(matches!(refusal(302), Some(Failure::Unsupported(_))));
        assert!(matches!(refusal(503), Some(Failure::Upstream(_))));
        assert!(matches!(refusal(100), Some(Failure::Upstream(_))));
        assert!(refusal(200).is_none() && refusal(404).is_none() && refusal(422).is_none());
    }

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        assert_eq!(origin("https://a.b:1/c/d"), "https://a.b:1");
        assert_eq!(origin("https://a.b?c"), "https://a.b");
        assert!(check_origin("endpoint", "https://ec2.{region}.amazonaws.com").is_ok());
        for text in [
            "",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a b",
        ] {
            assert!(check_origin("endpoint", text).is_err(), "{text}");
        }
    }
}
