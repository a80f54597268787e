//! The series themselves, as the table of [`metrics`](super) names them.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::subnet::events::Event;

use super::readiness::Readiness;
use super::words;

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
type Count = Counter<u64, AtomicU64>;
type Level = Gauge<u64, AtomicU64>;

/// Histograms start here, in seconds, and grow fourfold: up to 17 minutes.
const SECONDS_FIRST: f64 = 0.001;
/// Histograms start here, in bytes, and grow fourfold: up to 4 GiB.
const BYTES_FIRST: f64 = 65_536.0;
/// How many buckets a histogram of seconds has.
const SECONDS_BUCKETS: u16 = 11;
/// How many buckets a histogram of bytes has.
const BYTES_BUCKETS: u16 = 9;

#[derive(Debug, Clone, Copy)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(SECONDS_FIRST, 4.0, SECONDS_BUCKETS))
    }
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl MetricConstructor<Histogram> for Bytes {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(BYTES_FIRST, 4.0, BYTES_BUCKETS))
    }
}

type Times = Family<One, Histogram, Seconds>;

#[derive(Debug)]
pub(super) struct Series {
    registry: Registry,
    sessions_begun: Count,
    sessions: Family<One, Count>,
    session_duration: Times,
    probes: Family<One, Count>,
    probe_duration: Times,
    tasks: Family<One, Count>,
    task_duration: Times,
    requests: Family<One, Count>,
    request_duration: Times,
    plugin_calls: Family<Two, Count>,
    plugin_call_duration: Times,
    plugin_fuel: Family<One, Count>,
    plugin_memory: Family<One, Histogram, Bytes>,
    plugin_swaps: Family<Two, Count>,
    chain_block: Level,
    chain_lag: Level,
    chain_rpc_failures: Count,
    epochs_scored: Count,
    epoch_miners: Family<One, Level>,
    shadow_moved: Level,
    shadow_miners: Family<One, Level>,
    weights: Family<One, Count>,
    weights_block: Family<One, Level>,
    rentals: Family<One, Level>,
    rental_spend: Level,
    terminate_retries: Count,
    unknown_instances: Level,
    condition: Family<One, Level>,
}

impl Series {
    pub(super) fn new() -> Self {
        let times = || Times::new_with_constructor(Seconds);
        let mut series = Self {
            registry: Registry::with_prefix("host"),
            sessions_begun: Count::default(),
            sessions: Family::default(),
            session_duration: times(),
            probes: Family::default(),
            probe_duration: times(),
            tasks: Family::default(),
            task_duration: times(),
            requests: Family::default(),
            request_duration: times(),
            plugin_calls: Family::default(),
            plugin_call_duration: times(),
            plugin_fuel: Family::default(),
            plugin_memory: Family::new_with_constructor(Bytes),
            plugin_swaps: Family::default(),
            chain_block: Level::default(),
            chain_lag: Level::default(),
            chain_rpc_failures: Count::default(),
            epochs_scored: Count::default(),
            epoch_miners: Family::default(),
            shadow_moved: Level::default(),
            shadow_miners: Family::default(),
            weights: Family::default(),
            weights_block: Family::default(),
            rentals: Family::default(),
            rental_spend: Level::default(),
            terminate_retries: Count::default(),
            unknown_instances: Level::default(),
            condition: Family::default(),
        };
        series.register_work();
        series.register_plugins();
        series.register_chain();
        series.register_rentals();
        series
    }

    fn register_work(&mut self) {
        let to = &mut self.registry;
        to.register(
            "build",
            "What runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        to.register(
            "sessions_begun",
            "Challenge sessions begun",
            self.sessions_begun.clone(),
        );
        to.register(
            "sessions",
            "Challenge sessions ended, by how",
            self.sessions.clone(),
        );
        to.register_with_unit(
            "session_duration",
            "From a session's first task to its end",
            Unit::Seconds,
            self.session_duration.clone(),
        );
        to.register(
            "probes",
            "Rented machines looked into, by how that ended",
            self.probes.clone(),
        );
        to.register_with_unit(
            "probe_duration",
            "From a probe's order to its rental's end",
            Unit::Seconds,
            self.probe_duration.clone(),
        );
        to.register(
            "tasks",
            "Tasks sent, by what came of them",
            self.tasks.clone(),
        );
        to.register_with_unit(
            "task_duration",
            "From the last byte sent to the last byte received",
            Unit::Seconds,
            self.task_duration.clone(),
        );
        to.register("requests", "Requests served", self.requests.clone());
        to.register_with_unit(
            "request_duration",
            "From the first byte received to the last byte sent",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        to.register(
            "condition",
            "Conditions of readiness: 1 if it holds",
            self.condition.clone(),
        );
    }

    fn register_plugins(&mut self) {
        let to = &mut self.registry;
        to.register(
            "plugin_calls",
            "Calls into plugins, by how they went",
            self.plugin_calls.clone(),
        );
        to.register_with_unit(
            "plugin_call_duration",
            "Plugin calls, queueing included",
            Unit::Seconds,
            self.plugin_call_duration.clone(),
        );
        to.register(
            "plugin_fuel",
            "Fuel burned by plugins",
            self.plugin_fuel.clone(),
        );
        to.register_with_unit(
            "plugin_memory",
            "The most memory a call's store held",
            Unit::Bytes,
            self.plugin_memory.clone(),
        );
        to.register(
            "plugin_swaps",
            "Components offered for a plugin's place",
            self.plugin_swaps.clone(),
        );
    }

    fn register_chain(&mut self) {
        let to = &mut self.registry;
        to.register(
            "chain_block",
            "The newest block seen",
            self.chain_block.clone(),
        );
        to.register(
            "chain_lag_blocks",
            "Blocks the newest block seen is behind the clock",
            self.chain_lag.clone(),
        );
        to.register(
            "chain_rpc_failures",
            "Calls to the chain that failed or timed out",
            self.chain_rpc_failures.clone(),
        );
        to.register(
            "epochs_scored",
            "Epochs given to the policy",
            self.epochs_scored.clone(),
        );
        to.register(
            "epoch_miners",
            "Miners of the last scored epoch",
            self.epoch_miners.clone(),
        );
        to.register(
            "shadow_moved_ppm",
            "Weight the shadow policy would move, in parts per million",
            self.shadow_moved.clone(),
        );
        to.register(
            "shadow_miners",
            "Miners whom the shadow policy would zero or raise from zero",
            self.shadow_miners.clone(),
        );
        to.register(
            "weights",
            "Weights, by how far they got",
            self.weights.clone(),
        );
        to.register(
            "weights_block",
            "The block at which weights last got that far",
            self.weights_block.clone(),
        );
    }

    fn register_rentals(&mut self) {
        let to = &mut self.registry;
        to.register(
            "rentals",
            "Rentals that are not over, by phase",
            self.rentals.clone(),
        );
        to.register(
            "rental_spend_micro_usd",
            "What the last day's rentals cost or may cost, in millionths of a US dollar",
            self.rental_spend.clone(),
        );
        to.register(
            "rental_terminate_retries",
            "Times that something paid for could not be ended",
            self.terminate_retries.clone(),
        );
        to.register(
            "rental_unknown_instances",
            "Instances that providers run and the ledger does not know",
            self.unknown_instances.clone(),
        );
    }

    pub(super) fn count(&self, event: Event) {
        match event {
            Event::SessionBegan => {
                self.sessions_begun.inc();
            }
            Event::SessionEnded { kind, elapsed } => {
                let labels = [("ending", words::ending(kind))];
                timed(&self.sessions, &self.session_duration, labels, elapsed);
            }
            Event::ProbeEnded { kind, elapsed } => {
                let labels = [("ending", words::ending(kind))];
                timed(&self.probes, &self.probe_duration, labels, elapsed);
            }
            Event::TaskAnswered { kind, elapsed } => {
                let labels = [("answer", words::answer(kind))];
                timed(&self.tasks, &self.task_duration, labels, elapsed);
            }
            Event::RequestServed { kind, elapsed } => {
                let labels = [("answer", words::served(kind))];
                timed(&self.requests, &self.request_duration, labels, elapsed);
            }
            Event::PluginCalled { .. } | Event::PluginSwap { .. } => self.count_plugin(event),
            Event::Rentals { .. }
            | Event::RentalSpend { .. }
            | Event::TerminateRetried
            | Event::UnknownInstances { .. } => self.count_rentals(event),
            _ => self.count_chain(event),
        }
    }

    fn count_plugin(&self, event: Event) {
        match event {
            Event::PluginCalled {
                world,
                kind,
                fuel,
                memory_bytes,
                elapsed,
            } => {
                let world = ("world", words::world(world));
                let calls = &self.plugin_calls;
                calls
                    .get_or_create(&[world, ("result", kind.as_str())])
                    .inc();
                let time = elapsed.as_secs_f64();
                self.plugin_call_duration
                    .get_or_create(&[world])
                    .observe(time);
                self.plugin_fuel.get_or_create(&[world]).inc_by(fuel);
                let kib = u32::try_from(memory_bytes >> 10).unwrap_or(u32::MAX);
                let bytes = f64::from(kib) * 1024.0;
                self.plugin_memory.get_or_create(&[world]).observe(bytes);
            }
            Event::PluginSwap { world, kind } => {
                let labels = [
                    ("world", words::world(world)),
                    ("result", words::swap(kind)),
                ];
                self.plugin_swaps.get_or_create(&labels).inc();
            }
            _ => {}
        }
    }

    fn count_rentals(&self, event: Event) {
        match event {
            Event::Rentals { phase, count } => {
                self.rentals.get_or_create(&[("phase", phase)]).set(count);
            }
            Event::RentalSpend { day_micro_usd } => {
                self.rental_spend.set(day_micro_usd);
            }
            Event::TerminateRetried => {
                self.terminate_retries.inc();
            }
            Event::UnknownInstances { count } => {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.unknown_instances.set(count);
            }
            _ => {}
        }
    }

    fn count_chain(&self, event: Event) {
        match event {
            Event::HeadSeen { number, lag_blocks } => {
                self.chain_block.set(number);
                self.chain_lag.set(lag_blocks);
            }
            Event::RpcFailed => {
                self.chain_rpc_failures.inc();
            }
            Event::EpochScored { miners, scored } => {
                self.epochs_scored.inc();
                for (kind, count) in [("seen", miners), ("scored", scored)] {
                    let count = u64::try_from(count).unwrap_or(u64::MAX);
                    self.epoch_miners
                        .get_or_create(&[("kind", kind)])
                        .set(count);
                }
            }
            Event::ShadowScored {
                moved_ppm,
                zeroed,
                raised,
            } => {
                self.shadow_moved.set(moved_ppm);
                for (kind, count) in [("zeroed", zeroed), ("raised", raised)] {
                    let count = u64::try_from(count).unwrap_or(u64::MAX);
                    self.shadow_miners
                        .get_or_create(&[("kind", kind)])
                        .set(count);
                }
            }
            Event::Weights { kind, block } => {
                let labels = [("state", words::weights(kind))];
                self.weights.get_or_create(&labels).inc();
                self.weights_block.get_or_create(&labels).set(block);
            }
            _ => {}
        }
    }

    /// Takes over what holds at this moment.
    pub(super) fn show(&self, readiness: &Readiness) {
        let missing = readiness.missing.iter().map(|m| (m.condition, 0));
        for (condition, value) in readiness.met.iter().map(|c| (*c, 1)).chain(missing) {
            let labels = [("condition", condition)];
            self.condition.get_or_create(&labels).set(value);
        }
    }

    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

fn timed(counts: &Family<One, Count>, times: &Times, labels: One, elapsed: Duration) {
    counts.get_or_create(&labels).inc();
    times.get_or_create(&labels).observe(elapsed.as_secs_f64());
}
