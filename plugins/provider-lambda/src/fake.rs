//! A Lambda Cloud of one's own, written from its published description: the API
//! of version 1.10.0.
//!
//! Strict where the description is: what it requires, how long names and tags may
//! be, how they are spelt, exactly one SSH key, which the account must have. Uses
//! nothing of the adapter.

use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::{Answer, Asked, Cloud};

/// What is for rent.
pub(crate) const KIND: &str = "gpu_1x_a10";
/// Where it is.
pub(crate) const REGION: &str = "us-west-1";

/// An account and what it could rent.
pub(crate) struct LambdaCloud {
    /// The account's key.
    pub(crate) token: &'static str,
    /// As the API gives them back.
    pub(crate) machines: Vec<Value>,
    /// As the API gives them back.
    pub(crate) keys: Vec<Value>,
    /// In US cents an hour.
    pub(crate) price_cents: u64,
    /// Whether the catalogue lists any.
    pub(crate) offered: bool,
    /// Whether machines are left when it comes to it.
    pub(crate) full: bool,
    /// How many machines the account may have.
    pub(crate) quota: usize,
    /// Machines ever bought.
    pub(crate) bought: usize,
    /// Keys ever brought.
    pub(crate) brought: usize,
}

/// `InstanceLaunchRequest`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Launch {
    region_name: String,
    instance_type_name: String,
    ssh_key_names: Vec<String>,
    name: Option<String>,
    hostname: Option<String>,
    image: Option<Value>,
    user_data: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// `RequestedTagEntry`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

/// `AddSSHKeyRequest`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    public_key: Option<String>,
}

/// `InstanceTerminateRequest`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terminate {
    instance_ids: Vec<String>,
}

impl LambdaCloud {
    pub(crate) fn new() -> Self {
        Self {
            token: "lambda",
            machines: Vec::new(),
            keys: Vec::new(),
            price_cents: 75,
            offered: true,
            full: false,
            quota: 99,
            bought: 0,
            brought: 0,
        }
    }

    /// All machines that boot become reachable.
    pub(crate) fn boot(&mut self) {
        for machine in &mut self.machines {
            machine["status"] = json!("active");
            machine["ip"] = json!("198.51.100.2");
        }
    }

    /// `InstanceType`
    fn kind(&self) -> Value {
        json!({
            "name": KIND, "description": "1x A10 (24 GB PCIe)", "gpu_description": "A10 (24 GB PCIe)",
            "price_cents_per_hour": self.price_cents,
            "specs": {"vcpus": 30, "memory_gib": 200, "storage_gib": 1400, "gpus": 1},
        })
    }

    fn kinds(&self) -> Answer {
        let region = json!({"name": REGION, "description": "California, USA"});
        let regions = if self.offered {
            json!([region])
        } else {
            json!([])
        };
        let item =
            json!({"instance_type": self.kind(), "regions_with_capacity_available": regions});
        data(&json!({KIND: item}))
    }

    fn launch(&mut self, body: &[u8]) -> Answer {
        let launch: Launch = match serde_json::from_slice(body) {
            Ok(launch) => launch,
            Err(error) => return invalid(&error.to_string()),
        };
        if let Some(why) = violation(&launch) {
            return invalid(why);
        }
        if launch.region_name != REGION || launch.instance_type_name != KIND {
            return error(
                404,
                "global/object-does-not-exist",
                "no such region or type",
            );
        }
        let has_key = |name: &String| self.keys.iter().any(|key| key["name"] == **name);
        if !launch.ssh_key_names.iter().all(has_key) {
            return error(400, "global/object-does-not-exist", "no such SSH key");
        }
        if self.full {
            let code = "instance-operations/launch/insufficient-capacity";
            return error(400, code, "Not enough capacity to fulfill launch request.");
        }
        if self.machines.len() >= self.quota {
            return error(400, "global/quota-exceeded", "Quota exceeded.");
        }
        self.bought += 1;
        let id = format!("0920582c7ff041399e34823a0be6254{}", self.bought);
        let machine = self.machine(&id, &launch);
        self.machines.push(machine);
        data(&json!({"instance_ids": [id]}))
    }

    fn machine(&self, id: &str, launch: &Launch) -> Value {
        let tags = launch.tags.iter().flatten();
        let tags: Vec<Value> = tags
            .map(|tag| json!({"key": tag.key, "value": tag.value}))
            .collect();
        let yes = json!({"available": true});
        json!({
            "id": id, "name": launch.name, "status": "booting",
            "ssh_key_names": launch.ssh_key_names, "file_system_names": [],
            "region": {"name": REGION, "description": "California, USA"},
            "instance_type": self.kind(), "hostname": launch.hostname, "is_reserved": false,
            "actions": {"migrate": yes, "rebuild": yes, "restart": yes, "cold_reboot": yes, "terminate": yes},
            "tags": tags,
        })
    }

    fn terminate(&mut self, body: &[u8]) -> Answer {
        let terminate: Terminate = match serde_json::from_slice(body) {
            Ok(terminate) => terminate,
            Err(error) => return invalid(&error.to_string()),
        };
        let named = |machine: &Value| {
            terminate
                .instance_ids
                .iter()
                .any(|id| machine["id"] == **id)
        };
        if !self.machines.iter().any(named) {
            return error(
                404,
                "global/object-does-not-exist",
                "Specified instance does not exist.",
            );
        }
        let (mut ended, kept): (Vec<Value>, Vec<Value>) = self.machines.drain(..).partition(named);
        self.machines = kept;
        for machine in &mut ended {
            machine["status"] = json!("terminating");
        }
        data(&json!({"terminated_instances": ended}))
    }

    fn add(&mut self, body: &[u8]) -> Answer {
        let add: Add = match serde_json::from_slice(body) {
            Ok(add) => add,
            Err(error) => return invalid(&error.to_string()),
        };
        let Some(public_key) = add
            .public_key
            .filter(|key| (1..=4_096).contains(&key.len()))
        else {
            return invalid("public_key");
        };
        let taken = self.keys.iter().any(|key| key["name"] == *add.name);
        if taken || !(1..=64).contains(&add.name.len()) {
            return invalid("name");
        }
        self.brought += 1;
        let key = json!({"id": format!("key{}", self.brought), "name": add.name, "public_key": public_key});
        self.keys.push(key.clone());
        data(&key)
    }

    fn remove(&mut self, id: &str) -> Answer {
        let before = self.keys.len();
        self.keys.retain(|key| key["id"] != id);
        match self.keys.len() == before {
            true => error(
                404,
                "global/not-found",
                "The requested resource was not found.",
            ),
            false => data(&json!({})),
        }
    }

    fn one(&self, id: &str) -> Answer {
        let machine = self.machines.iter().find(|machine| machine["id"] == id);
        machine.map_or_else(
            || {
                error(
                    404,
                    "global/object-does-not-exist",
                    "Specified instance does not exist.",
                )
            },
            data,
        )
    }
}

/// What the schema forbids beyond names and types.
fn violation(launch: &Launch) -> Option<&'static str> {
    let name_bytes = launch.name.as_ref().map_or(0, String::len);
    let data_bytes = launch.user_data.as_ref().map_or(0, String::len);
    let well_spelt = |tag: &Tag| {
        let mut letters = tag.key.bytes();
        let first = letters.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-:".contains(&byte);
        first
            && tag.key.len() > 1
            && tag.key.len() <= 55
            && tag.value.len() <= 128
            && letters.all(plain)
    };
    match () {
        () if launch.ssh_key_names.len() != 1 => Some("exactly one SSH key must be specified"),
        () if name_bytes > 64 => Some("name"),
        () if data_bytes > 1_000_000 => Some("user_data"),
        () if !launch.tags.iter().flatten().all(well_spelt) => Some("tags"),
        () if launch
            .image
            .as_ref()
            .is_some_and(|image| !image.is_object()) =>
        {
            Some("image")
        }
        () => None,
    }
}

fn data(document: &Value) -> Answer {
    Answer::json(200, &json!({"data": document}))
}

fn invalid(why: &str) -> Answer {
    error(
        400,
        "global/invalid-parameters",
        &format!("Invalid request data: {why}"),
    )
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}

impl Cloud for LambdaCloud {
    fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        if asked.authorization != Some(&format!("Bearer {}", self.token)) {
            return error(
                401,
                "global/invalid-api-key",
                "API key was invalid, expired, or deleted.",
            );
        }
        let Some(path) = asked.path().strip_prefix("/api/v1") else {
            return error(404, "global/not-found", "no such path");
        };
        match (asked.method, path) {
            ("GET", "/instance-types") => self.kinds(),
            ("GET", "/instances") => data(&json!(self.machines)),
            ("GET", "/ssh-keys") => data(&json!(self.keys)),
            ("POST", "/ssh-keys") => self.add(asked.body),
            ("POST", "/instance-operations/launch") => self.launch(asked.body),
            ("POST", "/instance-operations/terminate") => self.terminate(asked.body),
            ("GET", path) if path.starts_with("/instances/") => self.one(&path[11..]),
            ("DELETE", path) if path.starts_with("/ssh-keys/") => self.remove(&path[10..]),
            _ => error(404, "global/not-found", "no such path"),
        }
    }
}
