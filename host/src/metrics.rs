//! What an operator's monitoring sees: Prometheus series and readiness.
//!
//! [`Metrics`] hears the node's [`Event`]s and keeps numbers; [`serve`] shows
//! them on a local port: `/healthz` (the process answers), `/readyz` (it is of
//! use, or what is missing, as JSON) and `/metrics`. Labels come from closed
//! sets only, so the number of series is fixed whatever peers do.
//!
//! | series | labels | what |
//! |---|---|---|
//! | `host_build_info` | `version` | 1 |
//! | `host_sessions_begun_total` | | challenge sessions begun |
//! | `host_sessions_total` | `ending`: passed, failed, void | challenge sessions ended: the verdicts |
//! | `host_session_duration_seconds` | `ending` | from the first task to the end |
//! | `host_tasks_total` | `answer`: payload, timed-out, ... | tasks sent, by what came of them |
//! | `host_task_duration_seconds` | `answer` | from the last byte sent to the last received |
//! | `host_requests_total` | `answer`: answered, busy, ... | requests this node's axon served |
//! | `host_request_duration_seconds` | `answer` | from the first byte received to the last sent |
//! | `host_plugin_calls_total` | `world`, `result`: ok, out-of-fuel, ... | calls into plugins |
//! | `host_plugin_call_duration_seconds` | `world` | queueing included |
//! | `host_plugin_fuel_total` | `world` | fuel burned |
//! | `host_plugin_memory_bytes` | `world` | the most a call's store held |
//! | `host_plugin_swaps_total` | `world`, `result`: swapped, refused | components offered for a place |
//! | `host_chain_block` | | the newest block seen |
//! | `host_chain_lag_blocks` | | how far that is behind the clock |
//! | `host_chain_rpc_failures_total` | | calls to the chain that failed or timed out |
//! | `host_epochs_scored_total` | | epochs given to the policy |
//! | `host_epoch_miners` | `kind`: seen, scored | miners of the last one |
//! | `host_shadow_moved_ppm` | | weight the shadow policy would move |
//! | `host_shadow_miners` | `kind`: zeroed, raised | whom it would pay nothing, or something |
//! | `host_weights_total` | `state`: set, confirmed, refused, held, withheld | weights, and how far they got |
//! | `host_weights_block` | `state` | when that last happened |
//! | `host_rentals` | `phase`: intended, ordered, unknown, running, ending | rentals that are not over |
//! | `host_rental_spend_micro_usd` | | what the last day's rentals cost or may cost |
//! | `host_rental_terminate_retries_total` | | times that something paid for could not be ended |
//! | `host_rental_unknown_instances` | | instances that run and that the ledger does not know |
//! | `host_condition` | `condition` | 1 if a condition of readiness holds |
//!
//! Does not push anywhere, and knows nothing of who observes.

mod readiness;
mod series;
mod server;
mod words;

#[cfg(test)]
mod tests;

use std::time::Instant;

use crate::subnet::events::{Condition, Event, Observer};

pub use readiness::{CHAIN_SILENT_MAX, Missing, Readiness};
pub use server::serve;

use readiness::Conditions;
use series::Series;

/// Counts events and knows whether the node is ready.
#[derive(Debug)]
pub struct Metrics {
    series: Series,
    conditions: Conditions,
}

impl Metrics {
    /// A node that is ready once all of `required` hold.
    pub fn new(required: &[Condition]) -> Self {
        Self {
            series: Series::new(),
            conditions: Conditions::new(required),
        }
    }

    /// What holds and what is missing at `now`.
    pub fn readiness(&self, now: Instant) -> Readiness {
        self.conditions.readiness(now)
    }

    /// All series, in the text format of OpenMetrics.
    pub fn encode(&self, now: Instant) -> String {
        self.series.show(&self.readiness(now));
        self.series.encode()
    }
}

impl Observer for Metrics {
    fn observe(&self, event: Event) {
        self.series.count(event);
        self.conditions.hear(event, Instant::now());
    }
}
