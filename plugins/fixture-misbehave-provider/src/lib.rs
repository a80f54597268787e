//! A provider adapter that does as its settings say; for tests.
//!
//! What it answers:
//!
//! | setting | every function |
//! |---------|----------------|
//! | `answer` | this JSON, `{"Ok": ..}` or `{"Err": ..}`, whatever was asked |
//! | `origin` | what a server there answers, in the same form: see [`forward`] |
//! | `probes` | `offers` alone: what came of these requests, see [`probe`] |
//! | `mode` | misbehaves first, or answers as below |
//!
//! The JSON is that of the contract's records, field names with underscores, cases
//! in capitals: `{"Err": {"PriceRose": 7}}`; a state also as `running`.
//!
//! Beside the modes of [`fixture_modes`]:
//!
//! | mode | answer |
//! |------|--------|
//! | `many-offers` | 5,000 offers, each good |
//! | `huge-offer` | an offer with 32 MiB of region |
//! | `spend-late` | `provision` asks nobody for `late-ms`, then the server |
//! | `machine` | `offers` asks the machine for everything and says what it was told |
//!
//! It wants the origins in `origin` and `origins` (separated by spaces), the
//! credentials in `credential` and `credentials`, and the machine if `mode` is
//! `machine`. Mode `greedy` wants an origin that is none.

mod forward;
mod local;
mod probe;

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "provider-adapter",
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

use std::time::{Duration, Instant};

use bindings::{
    compute::subnet::{log, settings, types::Hardware},
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        provider::{Failure, Guest as Provider, Instance, Offer, Order, Query, Want},
    },
};
use serde_json::{Value, json};

const MANY_OFFERS: u32 = 5_000;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: fixture_modes::name(&mode(), "misbehave-provider", write),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "does as it is told; for tests".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        fixture_modes::check_settings(&mode(), write)
    }
}

impl Provider for Component {
    fn wants() -> Vec<Want> {
        let words = |one: &str, many: &str| {
            let words = format!("{} {}", setting(one), setting(many));
            words
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut wants: Vec<Want> = words("origin", "origins")
            .into_iter()
            .map(Want::HttpOrigin)
            .collect();
        wants.extend(
            words("credential", "credentials")
                .into_iter()
                .map(Want::Credential),
        );
        match mode().as_str() {
            "machine" => wants.push(Want::Machine),
            "greedy" => wants.push(Want::HttpOrigin("https://a\"]\n[trust]".to_owned())),
            _ => {}
        }
        wants
    }

    fn offers(query: Query) -> Result<Vec<Offer>, Failure> {
        fixture_modes::misbehave(&mode(), write);
        match mode().as_str() {
            "many-offers" => Ok((0..MANY_OFFERS).map(|id| offer(&id.to_string())).collect()),
            "huge-offer" => Ok(vec![Offer {
                region: "x".repeat(fixture_modes::TOO_MANY_BYTES),
                ..offer("huge")
            }]),
            "machine" => Ok(vec![local::told()]),
            _ if !setting("probes").is_empty() => probe::offers(),
            _ => answer("offers", &query).unwrap_or_else(|| Ok(vec![offer("small")])),
        }
    }

    fn provision(order: Order) -> Result<Instance, Failure> {
        fixture_modes::misbehave(&mode(), write);
        if mode() == "spend-late" {
            idle(setting("late-ms").parse().unwrap_or_default());
        }
        answer("provision", &order).unwrap_or(Err(Failure::NoCapacity))
    }

    fn instances() -> Result<Vec<Instance>, Failure> {
        fixture_modes::misbehave(&mode(), write);
        answer("instances", &Value::Null).unwrap_or_else(|| Ok(vec![]))
    }

    fn inspect(id: String) -> Result<Instance, Failure> {
        fixture_modes::misbehave(&mode(), write);
        answer("inspect", &json!({ "id": id })).unwrap_or(Err(Failure::NotFound))
    }

    fn extend(id: String, ends_at: u64) -> Result<Instance, Failure> {
        fixture_modes::misbehave(&mode(), write);
        let asked = json!({ "id": id, "ends_at": ends_at });
        answer("extend", &asked).unwrap_or(Err(Failure::NotFound))
    }

    fn terminate(id: String) -> Result<(), Failure> {
        fixture_modes::misbehave(&mode(), write);
        answer("terminate", &json!({ "id": id })).unwrap_or(Ok(()))
    }
}

/// What the setting `answer` or the server says, if there is either.
fn answer<T: serde::de::DeserializeOwned>(
    function: &str,
    asked: &impl serde::Serialize,
) -> Option<Result<T, Failure>> {
    let told = settings::get("answer");
    match (told, settings::get("origin")) {
        (Some(told), _) => Some(forward::read(told.as_bytes())),
        (None, Some(origin)) => Some(forward::ask(&origin, function, asked)),
        (None, None) => None,
    }
}

fn offer(id: &str) -> Offer {
    Offer {
        id: id.to_owned(),
        hardware: hardware(),
        region: "nowhere".to_owned(),
        price_micro_usd_per_hour: 1_000_000,
        interruptible: false,
        labels: Vec::new(),
    }
}

fn hardware() -> Hardware {
    Hardware {
        gpus: Vec::new(),
        cpu_model: "fixture".to_owned(),
        cpu_threads: 2,
        memory_mib: 1_024,
        disk_mib: 1_024,
        labels: Vec::new(),
    }
}

/// Computes nothing for so long.
fn idle(ms: u64) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(ms) {
        std::hint::spin_loop();
    }
}

fn mode() -> String {
    setting("mode")
}

fn setting(name: &str) -> String {
    settings::get(name).unwrap_or_default()
}

fn write(line: &str) {
    log::write(log::Level::Info, line);
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
