//! What an `Allocate` asks for, read from fields that nobody signed.

use crate::subnet::hardware::Hardware;
use crate::subnet::rental::{Act, SSH_KEY_BYTES_MAX};
use crate::subnet::synapse::{Fields, Value};

/// The longest allocation, in days: ten years, so that no number is too large.
const DAYS_MAX: u64 = 3_650;
const DAY_S: u64 = 86_400;
const MIB: i128 = 1 << 20;

/// One of the four uses; the probe is two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Probe,
    Check,
    Allocate { duration_s: u64 },
    Deallocate,
    Act(Act),
}

pub(super) struct Wanted {
    pub(super) purpose: Use,
    pub(super) public_key: String,
    /// A validator's own test.
    pub(super) testing: bool,
    device: Value,
    docker: Value,
}

impl Wanted {
    /// `Err` is what the caller is told.
    pub(super) fn read(fields: &Fields) -> Result<Self, String> {
        let get = |name: &str| fields.get(name).cloned().unwrap_or(Value::None);
        let device = get("device_requirement");
        let public_key = get("public_key").text().unwrap_or_default().to_owned();
        let purpose = purpose(fields)?;
        if purpose != Use::Probe && public_key.trim().is_empty() {
            return Err("public_key is missing".to_owned());
        }
        Ok(Self {
            purpose,
            public_key,
            testing: device.member("testing") == Some(&Value::Bool(true)),
            device,
            docker: get("docker_requirement"),
        })
    }

    /// The key that is let in, one line.
    pub(super) fn ssh_key(&self) -> Result<String, String> {
        let missing =
            "docker_requirement.ssh_key is missing: this miner lets nobody in by password";
        let key = self.docker.member("ssh_key").and_then(Value::text);
        let key = key.filter(|key| !key.trim().is_empty()).ok_or(missing)?;
        one_line(key)
    }

    /// Whether `hardware` has what `device_requirement` asks for: threads,
    /// bytes of memory and of disk, cards and their name.
    pub(super) fn check(&self, hardware: &Hardware) -> Result<(), String> {
        let amount = |part: &str, name: &str| {
            let found = self.device.member(part).and_then(|part| part.member(name));
            match found {
                Some(Value::Int(amount)) => *amount,
                _ => 0,
            }
        };
        let gpu = self.device.member("gpu");
        let model = gpu.and_then(|gpu| gpu.member("type")).and_then(Value::text);
        let cards = cards(hardware, model.unwrap_or_default());
        let enough = |has: i128, asked: i128, what: &str| {
            if has >= asked {
                Ok(())
            } else {
                Err(format!("this machine has too little: {what}"))
            }
        };
        enough(hardware.cpu_threads.into(), amount("cpu", "count"), "cpu")?;
        let bytes = |mib: u64| i128::from(mib) * MIB;
        enough(bytes(hardware.memory_mib), amount("ram", "capacity"), "ram")?;
        enough(
            bytes(hardware.disk_mib),
            amount("hard_disk", "capacity"),
            "hard_disk",
        )?;
        enough(cards, amount("gpu", "count"), "gpu")
    }
}

/// How many cards of a model; all of them where none is named.
fn cards(hardware: &Hardware, model: &str) -> i128 {
    let model = model.to_lowercase();
    let fits = hardware
        .gpus
        .iter()
        .filter(|gpu| gpu.model.to_lowercase().contains(&model));
    fits.map(|gpu| i128::from(gpu.count)).sum()
}

fn purpose(fields: &Fields) -> Result<Use, String> {
    let is = |name: &str| fields.get(name) == Some(&Value::Bool(true));
    let days = match fields.get("timeline") {
        Some(Value::Int(days)) => *days,
        _ => 0,
    };
    if is("checking") {
        return Ok(if days > 0 { Use::Probe } else { Use::Check });
    }
    if is("docker_change") {
        return act(fields.get("docker_action").unwrap_or(&Value::None)).map(Use::Act);
    }
    if days <= 0 {
        return Ok(Use::Deallocate);
    }
    let days = u64::try_from(days).ok().filter(|days| *days <= DAYS_MAX);
    let days = days.ok_or_else(|| format!("timeline is more than {DAYS_MAX} days"))?;
    Ok(Use::Allocate {
        duration_s: days * DAY_S,
    })
}

fn act(action: &Value) -> Result<Act, String> {
    let text = |name: &str| {
        action
            .member(name)
            .and_then(Value::text)
            .unwrap_or_default()
    };
    match text("action") {
        "restart" => Ok(Act::Restart),
        "pause" => Ok(Act::Pause),
        "unpause" | "resume" => Ok(Act::Resume),
        "exchange_key" if text("key_type") == "user" => Ok(Act::ExchangeKey {
            ssh_public_key: one_line(text("ssh_key"))?,
        }),
        "exchange_key" => Err("key_type must be user: one key is let in here".to_owned()),
        _ => Err(
            "docker_action.action must be exchange_key, restart, pause, unpause or resume"
                .to_owned(),
        ),
    }
}

fn one_line(key: &str) -> Result<String, String> {
    let key = key.trim();
    let words = key.split(' ').filter(|word| !word.is_empty()).count();
    let plain = key.len() <= SSH_KEY_BYTES_MAX && !key.contains(char::is_control);
    if plain && words >= 2 {
        Ok(key.to_owned())
    } else {
        Err("ssh_key must be one line in OpenSSH form".to_owned())
    }
}
