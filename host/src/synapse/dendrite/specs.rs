//! What a miner of the original compute subnet says it has: its `Specs`.
//!
//! `specs_output` is JSON: `cpu.count`, `gpu.details` of name and capacity in MiB,
//! `ram.total` and `hard_disk.total` in bytes. Some miners encrypt the text, and
//! newer ones do not serve it at all; then nothing is claimed.
//! All of it is a claim that nobody signed.

use std::time::Duration;

use super::HttpDendrite;
use super::classic::{Repeat, SynapseCall};
use super::outcome::{self, Outcome};
use super::trouble::Trouble;
use crate::subnet::hardware::{Gpu, Hardware};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::synapse::{Fields, SPECS_OUTPUT, Value, specs};
use crate::subnet::wire::{Description, Peer, PeerError};

use super::super::classic::{Entry, json};
use super::super::description::{DESCRIPTION_BYTES_MAX, LIST_MAX};

/// What such a peer runs, as far as can be told.
const SOFTWARE: &str = "classic axon";
const MIB: u64 = 1 << 20;

/// What came of asking.
pub(super) enum Said {
    /// A classic axon's answer.
    Classic(Result<Description, PeerError>),
    /// An answer of something else.
    Otherwise,
}

impl HttpDendrite {
    /// Asks a classic axon what its machine is.
    pub(super) async fn specs(&self, peer: &Peer, time: Duration) -> Result<Said, Trouble> {
        let entry = Entry::new(specs()).expect("names and defaults are Python's");
        let call = SynapseCall {
            entry: &entry,
            fields: Fields::default(),
            timeout: time,
            answer_bytes_max: DESCRIPTION_BYTES_MAX,
            repeat: Repeat::Unanswered,
        };
        let (sent, arrival) = self.send_synapse(peer, call).await?;
        if !outcome::is_classic(arrival.status, &arrival.headers, &arrival.body) {
            return Ok(Said::Otherwise);
        }
        Ok(Said::Classic(description(outcome::read(
            &entry, sent, &arrival,
        )?)))
    }
}

fn description(said: Outcome) -> Result<Description, PeerError> {
    // It is there and serves other messages: the original subnet has given
    // `Specs` up.
    let unknown = said.status_code == Some(404);
    let claimed = match said.into_fields() {
        Err(_) if unknown => None,
        Err(refused) => return Err(refused),
        Ok(fields) => {
            let output = fields.get(SPECS_OUTPUT).and_then(Value::text);
            output.and_then(hardware)
        }
    };
    Ok(Description {
        software: SOFTWARE.to_owned(),
        machines: claimed.map(machine).into_iter().collect(),
        ..Description::default()
    })
}

fn machine(claimed: Hardware) -> OfferedMachine {
    OfferedMachine {
        id: String::new(),
        claimed,
        price_micro_usd_per_hour: 0,
        rented_permille: 0,
        labels: Vec::new(),
    }
}

/// `None` if it is no JSON object: encrypted, or nothing.
fn hardware(text: &str) -> Option<Hardware> {
    let specs = json::read(text).ok()?;
    matches!(specs, Value::Dict(_)).then_some(())?;
    let of = |part: &str, name: &str| specs.member(part).and_then(|part| part.member(name));
    let number = |part: &str, name: &str| number(of(part, name));
    let model = ["brand_raw", "model", "vendor_id_raw"]
        .into_iter()
        .find_map(|name| of("cpu", name).and_then(Value::text));
    Some(Hardware {
        gpus: gpus(of("gpu", "details")),
        cpu_model: model.unwrap_or_default().to_owned(),
        cpu_threads: u32::try_from(number("cpu", "count")).unwrap_or(u32::MAX),
        memory_mib: number("ram", "total") / MIB,
        disk_mib: number("hard_disk", "total") / MIB,
        labels: Vec::new(),
    })
}

/// Equal cards are one entry; one entry too many is refused with the description.
fn gpus(details: Option<&Value>) -> Vec<Gpu> {
    let Some(Value::List(details)) = details else {
        return Vec::new();
    };
    let mut gpus: Vec<Gpu> = Vec::new();
    for card in details {
        let model = card
            .member("name")
            .and_then(Value::text)
            .unwrap_or_default();
        let memory_mib = number(card.member("capacity"));
        let same = |gpu: &Gpu| gpu.model == model && gpu.memory_mib == memory_mib;
        match gpus.iter().position(same) {
            Some(place) => gpus[place].count = gpus[place].count.saturating_add(1),
            None if gpus.len() > LIST_MAX => break,
            None => gpus.push(Gpu {
                model: model.to_owned(),
                count: 1,
                memory_mib,
                uuids: Vec::new(),
            }),
        }
    }
    gpus
}

/// A whole number, the whole part of one, or nothing.
fn number(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
        // The text of a rounded number, since a cast would hide what does not fit.
        Some(Value::Float(number)) => format!("{:.0}", number.trunc()).parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn outcome(code: u16, output: &str) -> Outcome {
        Outcome {
            fields: Fields(vec![(SPECS_OUTPUT.to_owned(), output.into())]),
            status_code: Some(code),
            status_message: None,
        }
    }

    #[test]
    fn specs_become_a_machine() {
        let output = r#"{"cpu": {"count": 16, "frequency": 3400.0}, "gpu": {"count": 3, "capacity": 163118.0,
            "details": [{"name": "NVIDIA A100", "capacity": 81559.0, "utilization": 0},
            {"name": "NVIDIA A100", "capacity": 81559.0}, {"name": "Tesla T4", "capacity": 15360}]},
            "hard_disk": {"total": 1099511627776, "free": 1}, "ram": {"total": 137438953472}}"#;
        let described = description(outcome(200, output)).unwrap();
        let claimed = &described.machines[0].claimed;
        assert_eq!(claimed.cpu_threads, 16);
        assert_eq!(claimed.memory_mib, 131_072);
        assert_eq!(claimed.disk_mib, 1_048_576);
        let gpus: Vec<_> = claimed.gpus.iter().collect();
        assert_eq!(gpus.len(), 2);
        assert_eq!((gpus[0].count, gpus[0].memory_mib), (2, 81_559));
        assert_eq!(gpus[1].model, "Tesla T4");
    }

    #[test]
    fn what_cannot_be_read_claims_nothing() {
        for output in ["", "gAAAAABl...", "[]", "null", "7"] {
            let described = description(outcome(200, output)).unwrap();
            assert_eq!(described.machines, [], "{output}");
        }
        assert_eq!(description(outcome(404, "")).unwrap().machines, []);
        let odd =
            r#"{"cpu": 7, "gpu": {"details": [1, {"capacity": -3}]}, "ram": {"total": 1e300}}"#;
        let claimed = description(outcome(200, odd)).unwrap().machines[0]
            .claimed
            .clone();
        assert_eq!((claimed.cpu_threads, claimed.memory_mib), (0, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            part in "(cpu|gpu|ram|hard_disk)",
            value in "(\\{\"(count|details|total)\": )?[\\[\\]{}\",:0-9eE.-]{0,40}\\}?",
        ) {
            let _ = hardware(&format!("{{\"{part}\": {value}}}"));
            let _ = hardware(&value);
        }
    }

    #[test]
    fn more_kinds_of_cards_than_a_description_holds_are_not_counted() {
        let cards: Vec<String> = (0..9000)
            .map(|n| format!("{{\"name\": \"{n}\"}}"))
            .collect();
        let specs = format!("{{\"gpu\": {{\"details\": [{}]}}}}", cards.join(","));
        assert_eq!(hardware(&specs).unwrap().gpus.len(), LIST_MAX + 1);
    }

    #[test]
    fn a_refusal_is_no_description() {
        assert!(description(outcome(403, "")).is_err());
    }
}
