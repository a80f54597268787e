//! The description of the API is the API.

use super::*;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

/// The fields of a schema are those of `sample`.
fn agrees(schema: &str, sample: impl Serialize) {
    let document = document();
    let properties = &document["components"]["schemas"][schema]["properties"];
    let sample = serde_json::to_value(sample).unwrap();
    assert_eq!(names(properties), names(&sample), "{schema}");
}

#[test]
fn every_field_is_described_and_nothing_else_is() {
    let hardware = hardware();
    agrees("Requirement", Requirement::default());
    agrees("Gpu", &hardware.gpus[0]);
    agrees("Hardware", &hardware);
    agrees("Named", Named::default());
    agrees("Machines", Machines { machines: vec![] });
    agrees("Rentals", Rentals { rentals: vec![] });
    agrees("Label", &machine("", 1).labels[0]);
    let extension = Extension {
        key: String::new(),
        by_s: 1,
    };
    agrees("Extension", extension);
    let wanted = Wanted {
        key: String::new(),
        requirement: Requirement::default(),
        ssh_public_key: String::new(),
        duration_s: 1,
        image: None,
    };
    agrees("Wanted", wanted);
    let found = Found {
        miner: operator(),
        uid: 1,
        machine: String::new(),
        claimed: hardware.clone(),
        region: None,
        price_micro_usd_per_hour: 1,
        rented_permille: 0,
        passed: vec![],
        failed: vec![],
    };
    agrees("Found", found);
    let ssh = crate::subnet::provider::SshEndpoint {
        host: String::new(),
        port: 1,
        user: String::new(),
        host_key: None,
    };
    agrees("SshEndpoint", &ssh);
    let lease = Lease {
        key: String::new(),
        machine: String::new(),
        state: String::new(),
        reason: None,
        ssh: Some(ssh),
        hardware,
        price_micro_usd_per_hour: 1,
        began_at: 0,
        ends_at: 1,
    };
    agrees("Lease", &lease);
    let held = Held {
        miner: operator(),
        rental: lease,
        cost_micro_usd: 0,
        note: None,
    };
    agrees("Held", held);
}

#[test]
fn every_phase_and_every_refusal_has_its_word() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let words = |value: &Value| -> BTreeSet<String> {
        let words = value["enum"].as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let states = words(&schemas["Lease"]["properties"]["state"]);
    let reason = String::new;
    for phase in [
        Phase::Intended,
        Phase::Ordered,
        Phase::Unknown { looks: 0, since: 0 },
        Phase::Running,
        Phase::Ending { reason: reason() },
        Phase::Ended { reason: reason() },
        Phase::Refused { reason: reason() },
    ] {
        assert!(states.contains(phase.as_str()), "{}", phase.as_str());
    }
    for code in words(&schemas["Refusal"]["properties"]["code"]) {
        assert!(
            RentError::from_code(&code, reason(), Some(1)).is_some(),
            "{code}"
        );
    }
}

#[tokio::test]
async fn every_path_is_an_operation_and_an_unknown_one_is_refused() {
    let world = World::new();
    let document = document();
    for path in names(&document["paths"]) {
        let operation = path.rsplit('/').next().unwrap();
        assert_eq!(
            path,
            format!("{}/{operation}", crate::subnet::wire::OPERATOR_PATH)
        );
        let answer = world.ask(operation, json!({"no-such-field": 1})).await;
        match operation {
            "list" => assert!(answer.is_ok()),
            _ => {
                let error = answer.unwrap_err().to_string();
                assert!(error.contains("no-such-field"), "{operation}: {error}");
            }
        }
    }
    let unknown = world.ask("buy", json!({})).await.unwrap_err();
    assert!(
        unknown.to_string().contains("no operation buy"),
        "{unknown}"
    );
}

#[tokio::test]
async fn only_the_operators_keys_are_let_in() {
    let world = World::new();
    assert_eq!(world.api.admit(&operator()), Ok(()));
    assert!(world.api.admit(&me()).is_err());
    assert!(world.api.document(OPENAPI_PATH).is_some());
    assert!(world.api.document("/").is_none());
}
