//! The original compute subnet's synapses, answered from what this node knows.
//!
//! * `Specs`: its validators send a program and read back what the machine is
//!   made of. The program is not run. The answer has the original's names and
//!   units (cards in MiB, memory and disk in bytes), as JSON that nobody
//!   encrypted: the original's key stands in its repository.
//! * `Challenge`: a hash to crack, which the subnet itself has given up. It is
//!   answered in the original's own form for "not done".
//!
//! Neither has hash fields, so nothing in their bodies is signed; nothing here
//! acts on what they say.

use serde_json::{Value as Json, json};

use crate::subnet::hardware::Hardware;
pub(super) use crate::subnet::synapse::SPECS;
use crate::subnet::synapse::{self, Declaration, Fields, Kind, SPECS_OUTPUT, Value};
use crate::subnet::wire::CHALLENGE_PATH;

/// The name of the other.
pub(super) const CHALLENGE: &str = "Challenge";

const BYTES_PER_MIB: u64 = 1 << 20;
/// The original's smallest.
const DIFFICULTY: i128 = 7;

/// Both, as the original's `protocol.py` declares them.
pub(super) fn declarations() -> Vec<Declaration> {
    let text = |declaration: Declaration, name| declaration.optional(name, Kind::Text, "".into());
    let asked = [
        "challenge_hash",
        "challenge_salt",
        "challenge_mode",
        "challenge_chars",
        "challenge_mask",
    ];
    let challenge = asked.into_iter().fold(Declaration::new(CHALLENGE), text);
    vec![
        synapse::specs(),
        challenge
            .optional("challenge_difficulty", Kind::Int, Value::Int(DIFFICULTY))
            .optional("output", Kind::any_dict(), Value::Dict(Vec::new())),
    ]
}

/// `fields` of a `Specs`, answered.
pub(super) fn specs(mut fields: Fields, hardware: &Hardware) -> Fields {
    fields.set(SPECS_OUTPUT, original(hardware).to_string().into());
    fields
}

/// `fields` of a `Challenge`, answered.
pub(super) fn challenge(mut fields: Fields) -> Fields {
    let why = format!("this miner cracks no hashes; it proves its work at {CHALLENGE_PATH}");
    let output = Value::dict([("password", Value::None), ("error", why.into())]);
    fields.set("output", output);
    fields
}

/// The machine in the words of the original's `get_perf_info`, without those that
/// this node does not measure.
fn original(hardware: &Hardware) -> Json {
    let bytes = |mib: u64| mib.saturating_mul(BYTES_PER_MIB);
    let cards = || hardware.gpus.iter();
    let details: Vec<Json> = cards()
        .flat_map(|gpu| {
            let card = json!({ "name": gpu.model, "capacity": gpu.memory_mib });
            std::iter::repeat_n(card, usize::try_from(gpu.count).unwrap_or(0).min(CARDS_MAX))
        })
        .collect();
    let count: u32 = cards().map(|gpu| gpu.count).fold(0, u32::saturating_add);
    let capacity = cards().fold(0_u64, |sum, gpu| {
        sum.saturating_add(gpu.memory_mib.saturating_mul(gpu.count.into()))
    });
    json!({
        "cpu": { "count": hardware.cpu_threads, "model": hardware.cpu_model },
        "gpu": { "count": count, "capacity": capacity, "details": details },
        "ram": { "total": bytes(hardware.memory_mib) },
        "hard_disk": { "total": bytes(hardware.disk_mib) },
    })
}

/// Cards of one model that are listed one by one.
const CARDS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::hardware::Gpu;

    fn hardware() -> Hardware {
        Hardware {
            gpus: vec![Gpu {
                model: "NVIDIA H100".to_owned(),
                count: 2,
                memory_mib: 81_559,
                uuids: Vec::new(),
            }],
            cpu_model: "EPYC".to_owned(),
            cpu_threads: 64,
            memory_mib: 2,
            disk_mib: 3,
            labels: Vec::new(),
        }
    }

    #[test]
    fn a_machine_is_told_in_the_originals_words() {
        let fields = specs(Fields::default(), &hardware());
        let Some(Value::Text(text)) = fields.get(SPECS_OUTPUT) else {
            unreachable!("it was set");
        };
        let told: Json = serde_json::from_str(text).unwrap();
        assert_eq!(told["cpu"]["count"], 64);
        assert_eq!(told["gpu"]["capacity"], 163_118);
        assert_eq!(told["gpu"]["details"][1]["name"], "NVIDIA H100");
        assert_eq!(told["ram"]["total"], 2 << 20);
        assert_eq!(told["hard_disk"]["total"], 3 << 20);
    }

    #[test]
    fn a_hash_is_not_cracked_and_the_caller_is_told_so() {
        let fields = challenge(Fields::default());
        let Some(Value::Dict(output)) = fields.get("output") else {
            unreachable!("it was set");
        };
        assert_eq!(output[0], ("password".into(), Value::None));
    }
}
