//! A running node reads its configuration again.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::process::Field;

/// The example's file, with more keys in some of its tables.
struct Configuration(PathBuf);

impl Configuration {
    fn write(&self, changes: &[(&str, &str)]) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/validator.toml");
        let mut text = std::fs::read_to_string(example).unwrap();
        for (table, key) in changes {
            let header = format!("[{table}]\n");
            match text.contains(&format!("\n{header}")) {
                true => {
                    let with = format!("\n{header}{key}\n");
                    text = text.replacen(&format!("\n{header}"), &with, 1);
                }
                false => text = format!("{text}\n{header}{key}\n"),
            }
        }
        std::fs::write(&self.0, text).unwrap();
    }
}

const POLICY: &str = "plugins.score-compute.settings";

#[test]
fn a_node_reads_its_configuration_again_by_sighup_and_by_command() {
    let field = Field::new("250", "20");
    let file = Configuration(field.home.path().join("validator.toml"));
    file.write(&[]);
    let path = file.0.to_string_lossy().into_owned();
    let validator = field.run(&path, "validator", &[]);
    field.until_said("validator", "connected");
    let state = field.state("validator").to_string_lossy().into_owned();
    let ask = |words: &[&str]| {
        let output = field.host(&[words, &["--json", "--state-folder", &state]].concat());
        let said = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said, complaint)
    };
    let curve = || ask(&["plugin", "inspect", "score-compute"]).1["settings"]["curve"].clone();
    assert_eq!(curve(), Value::Null);

    file.write(&[(POLICY, "curve = 'sqrt'"), ("shutdown", "drain-ms = 9000")]);
    validator.hang_up();
    field.until_said("validator", "these need a restart to count");
    assert!(field.log("validator").contains("shutdown.drain-ms"));
    assert_eq!(curve(), "sqrt");

    file.write(&[(POLICY, "curve = 'cubic'"), ("log", "level = 'debug'")]);
    let (code, reloaded, _) = ask(&["reload"]);
    assert_eq!(code, Some(4), "{reloaded}");
    assert_eq!(
        reloaded["live"],
        serde_json::json!(["log.level", "plugins.score-compute.settings.curve"])
    );
    assert!(reloaded["refused"][0].as_str().unwrap().contains("cubic"));
    assert_eq!(curve(), "sqrt");
    let refused = ask(&["plugin", "list"]).1["refused"][0]["refusal"]["reason"].clone();
    assert!(refused.as_str().unwrap().contains("cubic"), "{refused}");

    file.write(&[(POLICY, "curve = 'flat'"), ("guard", "miners-mni = 3")]);
    let (code, _, complaint) = ask(&["reload"]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("guard.miners-min"), "{complaint}");
    validator.hang_up();
    field.until_said("validator", "nothing changed");
    assert_eq!(curve(), "sqrt");

    // What the binary carries is revoked: nothing is left to score with.
    let digest = host::plugin::builtin::score_compute().digest();
    let revoked = format!("revoked-digests = ['{digest}']");
    file.write(&[("trust", &revoked)]);
    validator.hang_up();
    field.until_said("validator", "NOT APPROVED ANY MORE");
    assert_eq!(validator.terminate(), Some(0), "{}", field.log("validator"));
}
