//! Against the packages' own results.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;

use super::*;

const V10: &str = include_str!("../vectors/weights_v10.5.0.json");
const V11: &str = include_str!("../vectors/weights_v11.3.0.json");
/// Sums in another order differ in the last digits.
const TOLERANCE: f64 = 1e-6;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn each(list: &Value) -> &[Value] {
    list.as_array().unwrap()
}

fn numbers(list: &Value) -> Vec<f64> {
    each(list).iter().map(|it| it.as_f64().unwrap()).collect()
}

fn uids(list: &Value) -> Vec<Uid> {
    let uid = |it: &Value| u16::try_from(it.as_u64().unwrap()).unwrap();
    each(list).iter().map(uid).collect()
}

fn pairs(of: &Value, values: &Value) -> Vec<(Uid, f64)> {
    uids(of).into_iter().zip(numbers(values)).collect()
}

fn expected(of: &Value, values: &Value) -> Weights {
    Weights(uids(of).into_iter().zip(uids(values)).collect())
}

fn assert_near(ours: &[f64], theirs: &[f64], name: &Value) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < TOLERANCE, "{name}: {ours} {theirs}");
    }
}

#[test]
fn bittensor_10_processes_and_emits_so() {
    for case in each(&parsed(V10)["process_weights_then_emit"]) {
        let (given, name) = (&case["in"], &case["name"]);
        let get = |name: &str| given[name].as_u64().unwrap();
        let processed = process(
            &pairs(&given["uids"], &given["weights_f32"]),
            get("num_neurons").try_into().unwrap(),
            get("min_allowed_weights").try_into().unwrap(),
            given["max_weight_limit"].as_f64().unwrap(),
            get("exclude_quantile").try_into().unwrap(),
        );
        let (who, shares): (Vec<Uid>, Vec<f64>) = processed.iter().copied().unzip();
        assert_eq!(who, uids(&case["processed"]["uids"]), "{name}");
        assert_near(&shares, &numbers(&case["processed"]["weights"]), name);
        let emitted = expected(&case["emit"]["uids"], &case["emit"]["values"]);
        assert_eq!(emit(&processed), emitted, "{name}");
    }
}

#[test]
fn bittensor_10_normalises_so() {
    let vectors = parsed(V10);
    for case in each(&vectors["normalize_max_weight"]) {
        let limit = case["limit"].as_f64().unwrap();
        let ours = normalize_max_weight(&numbers(&case["x"]), limit, single);
        assert_near(&ours, &numbers(&case["y"]), &case["name"]);
    }
    for case in each(&vectors["convert_and_normalize_weights_and_uids"]) {
        let given = pairs(&case["uids"], &case["weights_f64_in"]);
        let given: Vec<_> = given.iter().map(|(uid, it)| (*uid, single(*it))).collect();
        let emitted = expected(&case["out_uids"], &case["out_values"]);
        assert_eq!(emit(&given), emitted, "{}", case["name"]);
    }
}

#[test]
fn bittensor_11_clips_and_normalises_so() {
    let vectors = parsed(V11);
    for case in each(&vectors["normalize"]) {
        let given = pairs(&case["uids"], &case["weights"]);
        let emitted = expected(&case["out_uids"], &case["out_values"]);
        assert_eq!(emit(&given), emitted);
    }
    for case in each(&vectors["clip"]) {
        let limit = case["limit"].as_f64().unwrap();
        let ours = normalize_max_weight(&numbers(&case["x"]), limit, double);
        assert_near(&ours, &numbers(&case["y"]), &case["x"]);
    }
    for case in each(&vectors["clip_then_normalize"]) {
        let limit = case["limit"].as_f64().unwrap();
        let clipped = normalize_max_weight(&numbers(&case["x"]), limit, double);
        let given: Vec<_> = uids(&case["out"][0]).into_iter().zip(clipped).collect();
        assert_eq!(emit(&given), expected(&case["out"][0], &case["out"][1]));
    }
}

#[test]
fn the_three_differ_where_a_policy_names_too_few() {
    let rules = Hyperparameters {
        min_allowed_weights: 3,
        max_weights_limit: u16::MAX,
        ..Hyperparameters::default()
    };
    let points = [(1, 0.75), (2, 0.25)];
    let padded = bittensor_10(&points, 5, &rules);
    assert_eq!(padded.uids(), [0, 1, 2, 3, 4]);
    assert_eq!(
        bittensor_11(&points, 0, &rules),
        Err(NoWeights::TooFew { got: 2, min: 3 })
    );
    let own = bittensor_11(&[(0, 1.0)], 0, &rules).unwrap();
    assert_eq!(own, Weights(vec![(0, u16::MAX)]));
    let nobody = bittensor_11(&[(1, 0.0)], 0, &rules);
    assert_eq!(nobody, Err(NoWeights::NobodyScored));
}
