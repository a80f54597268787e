//! Which endpoint to use next: the healthiest that is not resting.
//!
//! Each failure in a row makes an endpoint rest longer, up to
//! [`Timing::reconnect_max`](super::Timing). Among those awake, one that lags
//! behind another's head comes last, then one that failed lately, then a slow
//! one; equals keep the operator's order. Knows no network: what is measured is
//! told to it, and the time as well.

use std::time::Duration;

use tokio::time::Instant;

use super::Timing;
use crate::subnet::BlockNumber;
use crate::subnet::chain::ChainError;

/// So far behind another endpoint's head, one lags: two minutes on mainnet.
const LAG_BLOCKS_MAX: BlockNumber = 10;
/// Endpoints whose answers differ by less take equally long.
const LATENCY_STEP_MS: u128 = 100;
/// Failures in a row that are counted; the rest has long been the longest.
const FAILURES_MAX: u32 = 32;

/// All endpoints and what is known of them.
pub(super) struct Endpoints(Vec<Endpoint>);

struct Endpoint {
    url: String,
    failures: u32,
    rests_until: Option<Instant>,
    latency: Duration,
    head: BlockNumber,
    lags: bool,
    wrong_network: bool,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Use this one.
    Use(usize),
    /// All rest; one wakes then.
    Wait(Instant),
}

impl Endpoints {
    pub(super) fn new(urls: &[String]) -> Self {
        let endpoint = |url: &String| Endpoint {
            url: url.clone(),
            failures: 0,
            rests_until: None,
            latency: Duration::ZERO,
            head: 0,
            lags: false,
            wrong_network: false,
        };
        Self(urls.iter().map(endpoint).collect())
    }

    pub(super) fn url(&self, index: usize) -> Option<String> {
        self.0.get(index).map(|endpoint| endpoint.url.clone())
    }

    /// The best endpoint that is awake.
    pub(super) fn next(&self, now: Instant) -> Next {
        let health = |(index, endpoint): &(usize, &Endpoint)| {
            let latency = endpoint.latency.as_millis() / LATENCY_STEP_MS;
            (endpoint.lags, endpoint.failures, latency, *index)
        };
        let awake = self.0.iter().enumerate().filter(|(_, e)| e.is_awake(now));
        match awake.min_by_key(health) {
            Some((index, _)) => Next::Use(index),
            None => Next::Wait(self.first_to_wake().unwrap_or(now)),
        }
    }

    fn first_to_wake(&self) -> Option<Instant> {
        self.0.iter().filter_map(|e| e.rests_until).min()
    }

    /// Those that are awake, without `index`.
    pub(super) fn others(&self, index: usize, now: Instant) -> Vec<(usize, String)> {
        let all = self.0.iter().enumerate();
        all.filter(|(other, endpoint)| *other != index && endpoint.is_awake(now))
            .map(|(other, endpoint)| (other, endpoint.url.clone()))
            .collect()
    }

    pub(super) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// One answered, so fast, and had this head.
    pub(super) fn answered(&mut self, index: usize, latency: Duration, head: BlockNumber) {
        if let Some(endpoint) = self.0.get_mut(index) {
            endpoint.latency = latency;
            endpoint.head = head;
            endpoint.wrong_network = false;
            endpoint.lags = false;
        }
        if self.blocks_behind(index).is_some()
            && let Some(endpoint) = self.0.get_mut(index)
        {
            endpoint.lags = true;
        }
    }

    /// How far one is behind a healthy other, if that is too far.
    pub(super) fn blocks_behind(&self, index: usize) -> Option<BlockNumber> {
        let own = self.0.get(index)?.head;
        let others = self.0.iter().enumerate().filter(|(other, endpoint)| {
            *other != index && endpoint.failures == 0 && !endpoint.wrong_network
        });
        let best = others.map(|(_, endpoint)| endpoint.head).max()?;
        best.checked_sub(own)
            .filter(|behind| *behind > LAG_BLOCKS_MAX)
    }

    /// One held long enough to count as good again.
    pub(super) fn held(&mut self, index: usize) {
        if let Some(endpoint) = self.0.get_mut(index) {
            endpoint.failures = 0;
        }
    }

    /// One failed: it rests. Gives the error to tell: that an endpoint leads to
    /// another network is the node's own error only if all of them do.
    pub(super) fn failed(
        &mut self,
        index: usize,
        error: ChainError,
        now: Instant,
        timing: &Timing,
    ) -> ChainError {
        if let Some(endpoint) = self.0.get_mut(index) {
            endpoint.wrong_network = matches!(error, ChainError::WrongNetwork(_));
            let doubled = 2_u32.saturating_pow(endpoint.failures);
            let rest = timing.reconnect_min.saturating_mul(doubled);
            endpoint.failures = (endpoint.failures + 1).min(FAILURES_MAX);
            endpoint.rests_until = Some(now + jittered(rest.min(timing.reconnect_max)));
        }
        match error {
            ChainError::WrongNetwork(why) if !self.0.iter().all(|e| e.wrong_network) => {
                ChainError::Unreachable(why)
            }
            error => error,
        }
    }
}

impl Endpoint {
    fn is_awake(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }
}

/// Up to half more, so that a fleet does not come back at one moment.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the wait is merely regular.
    let _ = getrandom::fill(&mut byte);
    wait + wait.mul_f64(f64::from(byte[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn three() -> Endpoints {
        Endpoints::new(&["ws://a", "ws://b", "ws://c"].map(str::to_owned))
    }

    fn away() -> ChainError {
        ChainError::Unreachable("away".to_owned())
    }

    const SOON: Duration = Duration::from_millis(20);
    const SLOW: Duration = Duration::from_millis(900);

    #[test]
    fn equals_keep_their_order_and_a_failed_one_rests() {
        let (mut endpoints, now, timing) = (three(), Instant::now(), Timing::default());
        assert_eq!(endpoints.next(now), Next::Use(0));
        endpoints.failed(0, away(), now, &timing);
        assert_eq!(endpoints.next(now), Next::Use(1));
        endpoints.failed(1, away(), now, &timing);
        endpoints.failed(2, away(), now, &timing);
        let Next::Wait(until) = endpoints.next(now) else {
            panic!("all rest");
        };
        assert!(until > now && until <= now + timing.reconnect_min * 2);
        assert!(matches!(endpoints.next(until), Next::Use(_)));
    }

    #[test]
    fn each_failure_makes_the_rest_longer_up_to_a_limit() {
        let (mut endpoints, now, timing) = (three(), Instant::now(), Timing::default());
        let mut rests = Vec::new();
        for _ in 0..200 {
            endpoints.failed(0, away(), now, &timing);
            rests.push(endpoints.0[0].rests_until.unwrap() - now);
        }
        assert!(rests[3] > rests[0] * 4);
        assert!(
            rests
                .iter()
                .all(|rest| *rest <= timing.reconnect_max * 3 / 2)
        );
    }

    #[test]
    fn one_that_failed_lately_or_is_slow_comes_after_the_others() {
        let (mut endpoints, now, timing) = (three(), Instant::now(), Timing::default());
        endpoints.failed(0, away(), now, &timing);
        let later = now + timing.reconnect_max * 2;
        endpoints.answered(1, SLOW, 100);
        endpoints.answered(2, SOON, 100);
        assert_eq!(endpoints.next(later), Next::Use(2));
        endpoints.held(0);
        assert_eq!(endpoints.next(later), Next::Use(0));
    }

    #[test]
    fn one_that_lags_behind_loses_until_it_has_caught_up() {
        let (mut endpoints, now) = (three(), Instant::now());
        endpoints.answered(1, SOON, 1000);
        endpoints.answered(0, SOON, 1000 - LAG_BLOCKS_MAX);
        assert_eq!(endpoints.blocks_behind(0), None);
        endpoints.answered(0, SOON, 1000 - LAG_BLOCKS_MAX - 1);
        assert_eq!(endpoints.blocks_behind(0), Some(LAG_BLOCKS_MAX + 1));
        assert_ne!(endpoints.next(now), Next::Use(0));
        endpoints.answered(0, SOON, 1001);
        assert_eq!(endpoints.next(now), Next::Use(0));
    }

    #[test]
    fn one_that_is_alone_or_whose_better_is_gone_does_not_lag() {
        let (mut endpoints, now, timing) = (three(), Instant::now(), Timing::default());
        endpoints.answered(0, SOON, 1);
        assert_eq!(endpoints.blocks_behind(0), None);
        endpoints.answered(1, SOON, 1000);
        endpoints.failed(1, away(), now, &timing);
        endpoints.answered(0, SOON, 1);
        assert_eq!(endpoints.blocks_behind(0), None);
    }

    #[test]
    fn another_network_is_the_error_only_if_all_lead_to_another() {
        let (mut endpoints, now, timing) = (three(), Instant::now(), Timing::default());
        let wrong = || ChainError::WrongNetwork("another genesis".to_owned());
        for index in [0, 1] {
            let told = endpoints.failed(index, wrong(), now, &timing);
            assert!(matches!(told, ChainError::Unreachable(_)));
        }
        let told = endpoints.failed(2, wrong(), now, &timing);
        assert!(matches!(told, ChainError::WrongNetwork(_)));
    }
}
