//! The main job: what `host demo` promises a newcomer.

use serde_json::Value;

use super::process::host;

fn miner<'a>(report: &'a Value, part: &str) -> &'a Value {
    let miners = report["miners"].as_array().expect("a list of miners");
    miners
        .iter()
        .find(|miner| miner["part"] == part)
        .unwrap_or_else(|| panic!("no miner that {part}: {report}"))
}

#[test]
fn the_demo_pays_for_proof_and_shows_the_swap() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = host(home.path())
        .args(["demo", "--json"])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let number = |part: &str, key: &str| miner(&report, part)[key].as_u64().unwrap_or_default();

    assert!(
        number("fast", "weight_before") > number("limited", "weight_before"),
        "{report}"
    );
    assert!(number("limited", "weight_before") > 0, "{report}");
    assert_eq!(
        number("limited", "weight_after"),
        number("fast", "weight_after"),
        "the swap shows: {report}"
    );

    assert_eq!(number("makes it up", "passed"), 0, "{report}");
    assert!(number("makes it up", "failed") > 0, "{report}");
    assert_eq!(
        (
            number("makes it up", "weight_before"),
            number("makes it up", "weight_after")
        ),
        (0, 0)
    );
    assert_eq!(number("makes it up", "incentive"), 0);
    let why = miner(&report, "makes it up")["reason"]
        .as_str()
        .unwrap_or_default();
    assert!(why.contains("failed"), "the cheat is told why: {why}");

    assert!(
        number("goes silent", "weight_before") < number("limited", "weight_before").max(1) * 2,
        "{report}"
    );
    assert_eq!(number("goes silent", "weight_after"), 0, "{report}");
    assert!(number("fast", "incentive") > 0, "consensus pays: {report}");
}
