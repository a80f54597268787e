//! A Runpod of one's own, written from its published description: the REST API
//! version 2.0.0, and what that document says of statuses.
//!
//! Strict where the description is: a field it does not know, a number below its
//! minimum, a query parameter where it is not allowed are refused with the status
//! that is published for them. Uses nothing of the adapter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::{Answer, Asked, Cloud};

/// The one card that is for rent.
pub(crate) const GPU: &str = "NVIDIA GeForce RTX 4090";
/// Where it is.
pub(crate) const PLACE: &str = "US-KS-2";

/// An account and what it could rent.
pub(crate) struct Runpod {
    /// The account's key.
    pub(crate) token: &'static str,
    /// As the API gives them back.
    pub(crate) pods: Vec<Value>,
    /// What the catalogue says, in dollars an hour.
    pub(crate) price: f64,
    /// What a pod costs in truth.
    pub(crate) cost: f64,
    /// `NONE`, `LOW`, `MEDIUM` or `HIGH`
    pub(crate) stock: &'static str,
    /// Whether cards are left when it comes to it.
    pub(crate) full: bool,
    /// Whether the account has money.
    pub(crate) funded: bool,
    /// Pods ever bought.
    pub(crate) bought: usize,
}

/// `CreatePodRequest`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Create {
    name: String,
    image: Option<String>,
    cloud: Option<CloudTier>,
    gpu: Option<Gpu>,
    cpu: Option<Value>,
    disk: Option<u64>,
    ports: Option<Vec<String>>,
    env: Option<BTreeMap<String, String>>,
    data_center_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
enum CloudTier {
    #[serde(rename = "SECURE")]
    Secure,
    #[serde(rename = "COMMUNITY")]
    Community,
}

/// `CreateGpuConfig`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Gpu {
    id: String,
    count: Option<u32>,
    min_ram_per_gpu: Option<u32>,
    min_vcpu_count_per_gpu: Option<u32>,
}

impl Runpod {
    pub(crate) fn new() -> Self {
        Self {
            token: "runpod",
            pods: Vec::new(),
            price: 0.44,
            cost: 0.44,
            stock: "HIGH",
            full: false,
            funded: true,
            bought: 0,
        }
    }

    /// All pods that start become reachable.
    pub(crate) fn boot(&mut self) {
        for (number, pod) in self.pods.iter_mut().enumerate() {
            pod["status"] = json!("RUNNING");
            pod["ssh"]["direct"] = json!({
                "host": "195.26.233.3", "port": 34_446 + number, "username": "root",
                "command": "ssh root@195.26.233.3",
            });
        }
    }

    fn catalog(&self, asked: &Asked<'_>) -> Answer {
        let query: BTreeMap<_, _> = asked.query().into_iter().collect();
        let known = ["include", "product", "count", "cloud"];
        if query.get("include") != Some(&"AVAILABILITY") && !query.is_empty() {
            return problem(400, "Bad Request", "filters need include=AVAILABILITY");
        }
        if query.contains_key("include") && query.get("product") != Some(&"POD") {
            return problem(400, "Bad Request", "AVAILABILITY needs product");
        }
        let count: u32 = query
            .get("count")
            .map_or(Ok(1), |count| count.parse())
            .unwrap_or(0);
        let cloud = query.get("cloud").copied().unwrap_or("SECURE");
        if !query.keys().all(|key| known.contains(key))
            || count < 1
            || !["SECURE", "COMMUNITY"].contains(&cloud)
        {
            return problem(422, "Unprocessable Entity", "Request validation failed.");
        }
        let mut gpu = json!({
            "id": GPU, "name": "RTX 4090", "pool": "ADA_24", "manufacturer": "NVIDIA", "memory": 24,
            "secure": true, "community": true,
            "price": {"secure": self.price, "community": self.price / 2.0},
            "maxCount": {"secure": 8, "community": 4},
            "availability": self.stock,
        });
        if self.stock != "NONE" {
            gpu["dataCenters"] = json!([
                {"id": PLACE, "name": "US Kansas 2", "availability": self.stock},
                {"id": "EU-RO-1", "name": "EU Romania 1", "availability": "NONE"},
            ]);
        }
        Answer::json(200, &json!({"gpus": [gpu]}))
    }

    fn create(&mut self, body: &[u8]) -> Answer {
        let invalid = |why: &str| {
            let document = json!({
                "title": "Unprocessable Entity", "status": 422,
                "detail": "Request validation failed.", "errors": [why],
            });
            Answer::json(422, &document)
        };
        let create: Create = match serde_json::from_slice(body) {
            Ok(create) => create,
            Err(error) => return invalid(&error.to_string()),
        };
        if let Some(why) = violation(&create) {
            return invalid(why);
        }
        let Some(gpu) = create.gpu.as_ref().filter(|_| create.cpu.is_none()) else {
            return problem(400, "Bad Request", "exactly one of gpu or cpu must be set");
        };
        if !self.funded {
            return problem(402, "Payment Required", "insufficient balance");
        }
        let places = create.data_center_ids.clone().unwrap_or_default();
        let here = places.is_empty() || places.iter().any(|place| place == PLACE);
        if self.full || gpu.id != GPU || !here {
            let words =
                "There are no longer any instances available with the requested specifications.";
            return problem(400, "Bad Request", words);
        }
        self.bought += 1;
        let pod = self.pod(&create, gpu);
        self.pods.push(pod.clone());
        Answer::json(201, &pod)
    }

    fn pod(&self, create: &Create, gpu: &Gpu) -> Value {
        let count = gpu.count.unwrap_or(1);
        let cloud = match create.cloud {
            Some(CloudTier::Community) => "COMMUNITY",
            Some(CloudTier::Secure) | None => "SECURE",
        };
        json!({
            "id": format!("7h9k2m4n{}", self.bought), "name": create.name, "image": create.image,
            "args": "", "disk": create.disk.unwrap_or(20), "ports": create.ports,
            "env": create.env, "registry": null, "status": "PROVISIONING",
            "actions": ["start", "terminate"], "mounts": {},
            "gpu": {"id": gpu.id, "count": count,
                "vcpuCount": 8.0 * f64::from(count), "memory": 31.5 * f64::from(count)},
            "cloud": cloud, "dataCenterId": PLACE, "cudaVersion": "12.8",
            "ssh": {"proxy": null, "direct": null}, "template": null,
            "cost": self.cost * f64::from(count), "locked": false,
            "globalNetworking": {"enabled": false}, "runtime": null,
            "createdAt": "2026-06-01T12:00:00Z", "startedAt": null,
        })
    }

    fn one(&mut self, asked: &Asked<'_>, id: &str) -> Answer {
        let Some(at) = self.pods.iter().position(|pod| pod["id"] == id) else {
            return problem(404, "Not Found", "pod not found");
        };
        match asked.method {
            "GET" => Answer::json(200, &self.pods[at]),
            "DELETE" => {
                self.pods.remove(at);
                Answer {
                    body: Vec::new(),
                    ..Answer::json(204, &Value::Null)
                }
            }
            _ => problem(405, "Method Not Allowed", "not allowed for this path"),
        }
    }
}

/// What the schema forbids beyond names and types.
fn violation(create: &Create) -> Option<&'static str> {
    let gpu = create.gpu.as_ref();
    let below_one = [
        create.disk == Some(0),
        gpu.and_then(|gpu| gpu.count) == Some(0),
        gpu.and_then(|gpu| gpu.min_ram_per_gpu) == Some(0),
        gpu.and_then(|gpu| gpu.min_vcpu_count_per_gpu) == Some(0),
    ];
    let ports = create.ports.iter().flatten();
    let is_port = |port: &String| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, ""));
        number.parse::<u16>().is_ok() && ["http", "tcp"].contains(&protocol)
    };
    match () {
        () if create.name.is_empty() => Some("$.name: minLength: got 0, want 1"),
        () if create.image.is_none() => Some("$: missing property 'image'"),
        () if below_one.contains(&true) => Some("$: minimum: got 0, want 1"),
        () if !ports.clone().all(is_port) => Some("$.ports: not port/protocol"),
        () => None,
    }
}

/// `ErrorResponse`
fn problem(status: u16, title: &str, detail: &str) -> Answer {
    Answer::json(
        status,
        &json!({"title": title, "status": status, "detail": detail}),
    )
}

impl Cloud for Runpod {
    fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        if asked.authorization != Some(&format!("Bearer {}", self.token)) {
            return problem(401, "Unauthorized", "missing bearer token");
        }
        match (asked.method, asked.path()) {
            ("GET", "/v2/catalog/gpus") => self.catalog(asked),
            ("GET", "/v2/pods") => Answer::json(200, &json!({"pods": self.pods})),
            ("POST", "/v2/pods") => self.create(asked.body),
            (_, path) => match path.strip_prefix("/v2/pods/") {
                Some(id) if !id.contains('/') => self.one(asked, id),
                _ => problem(404, "Not Found", "no such path"),
            },
        }
    }
}
