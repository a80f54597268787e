//! From a guest's answers to the subnet's words, or what the contract forbids.
//!
//! A reason may quote a miner, so a long one is cut and never refused: one
//! miner's odd data must not cost the others their epoch. Everything else that
//! the contract bounds is the plugin's own doing, and refused. What adapters answer
//! is checked by [`provider`].

pub(in crate::plugin) mod provider;

use std::collections::HashSet;

use super::bindings::compute::subnet::types as wit;
use super::bindings::exports::compute::subnet::{challenge, scoring};
use crate::subnet::Uid;
use crate::subnet::challenge::{
    PAYLOAD_BYTES_MAX, SESSION_TASKS_MAX, Step, TASK_TIMEOUT_MS_MAX, Task,
    VERDICT_MEMORY_BYTES_MAX, Verdict,
};
use crate::subnet::hardware::{Gpu, Hardware, Label, Metric};
use crate::subnet::plugin::PluginError;
use crate::subnet::scoring::{Outcome, POLICY_MEMORY_BYTES_MAX, Score};
use crate::subnet::text::escape;

/// A reason is cut here, at a character's edge.
pub(in crate::plugin) const REASON_BYTES_MAX: usize = 1 << 10;
/// The longest name of a solver.
const SOLVER_NAME_BYTES_MAX: usize = 64;
/// Metrics of one verdict.
const METRICS_MAX: usize = 256;

fn broke(how: String) -> PluginError {
    PluginError::BrokeContract(how)
}

fn cut(mut text: String) -> String {
    if text.len() > REASON_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    }
    text
}

fn bounded(what: &str, bytes: Vec<u8>, max: usize) -> Result<Vec<u8>, PluginError> {
    if bytes.len() > max {
        return Err(broke(format!(
            "{what} of {} bytes, at most {max} are allowed",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// `known` are the uids a policy may name: its miners' and the burn uid.
pub(super) fn outcome(
    outcome: scoring::Outcome,
    known: &HashSet<Uid>,
) -> Result<Outcome, PluginError> {
    let mut seen = HashSet::with_capacity(outcome.scores.len().min(known.len()));
    let mut scores = Vec::with_capacity(outcome.scores.len().min(known.len()));
    for score in outcome.scores {
        if !known.contains(&score.uid) {
            return Err(broke(format!(
                "uid {} is no miner of this epoch",
                score.uid
            )));
        }
        if !seen.insert(score.uid) {
            return Err(broke(format!("uid {} is scored twice", score.uid)));
        }
        scores.push(Score {
            uid: score.uid,
            points: score.points,
            reason: cut(score.reason),
        });
    }
    let memory = bounded("a memory", outcome.memory, POLICY_MEMORY_BYTES_MAX)?;
    Ok(Outcome { scores, memory })
}

/// `asked` is how many tasks the session has had; its seed must stay here.
pub(super) fn step(
    step: challenge::Step,
    asked: usize,
    seed: &[u8; 32],
) -> Result<Step, PluginError> {
    match step {
        challenge::Step::Ask(asking) if gives_away(seed, &asking.payload) => {
            Err(broke("a task carries the session's seed".into()))
        }
        challenge::Step::Ask(_) if asked >= SESSION_TASKS_MAX => Err(broke(format!(
            "asks after {SESSION_TASKS_MAX} tasks instead of concluding"
        ))),
        challenge::Step::Ask(asking) => task(asking).map(Step::Ask),
        challenge::Step::Conclude(concluding) => verdict(concluding).map(Step::Conclude),
    }
}

fn gives_away(seed: &[u8; 32], payload: &[u8]) -> bool {
    payload.windows(seed.len()).any(|window| window == seed)
}

fn task(task: challenge::Task) -> Result<Task, PluginError> {
    if task.solver.is_empty() || task.solver.len() > SOLVER_NAME_BYTES_MAX {
        return Err(broke(format!(
            "a solver's name has 1 to {SOLVER_NAME_BYTES_MAX} bytes, `{}` has {}",
            escape(&task.solver),
            task.solver.len()
        )));
    }
    if task.timeout_ms == 0 || task.timeout_ms > TASK_TIMEOUT_MS_MAX {
        return Err(broke(format!(
            "a task's timeout is 1 to {TASK_TIMEOUT_MS_MAX} ms, this one {}",
            task.timeout_ms
        )));
    }
    Ok(Task {
        solver: task.solver,
        payload: bounded("a payload", task.payload, PAYLOAD_BYTES_MAX)?,
        timeout_ms: task.timeout_ms,
    })
}

fn verdict(verdict: challenge::Verdict) -> Result<Verdict, PluginError> {
    if verdict.grade_permille > 1000 {
        return Err(broke(format!(
            "a grade is 0 to 1000, this one {}",
            verdict.grade_permille
        )));
    }
    if verdict.metrics.len() > METRICS_MAX {
        return Err(broke(format!(
            "{} metrics, at most {METRICS_MAX} are allowed",
            verdict.metrics.len()
        )));
    }
    Ok(Verdict {
        passed: verdict.passed,
        grade_permille: verdict.grade_permille,
        proven: verdict.proven.map(hardware),
        metrics: verdict.metrics.into_iter().map(metric).collect(),
        reason: cut(verdict.reason),
        memory: bounded("a memory", verdict.memory, VERDICT_MEMORY_BYTES_MAX)?,
    })
}

/// An answer that is small enough to send.
pub(super) fn answer(payload: Vec<u8>) -> Result<Vec<u8>, PluginError> {
    bounded("an answer", payload, PAYLOAD_BYTES_MAX)
}

/// A plugin's own words of failure, cut as a reason is, and escaped.
pub(super) fn words(text: String) -> String {
    escape(&cut(text))
}

fn metric(metric: wit::Metric) -> Metric {
    Metric {
        name: metric.name,
        value: metric.value,
    }
}

fn hardware(hardware: wit::Hardware) -> Hardware {
    Hardware {
        gpus: hardware.gpus.into_iter().map(gpu).collect(),
        cpu_model: hardware.cpu_model,
        cpu_threads: hardware.cpu_threads,
        memory_mib: hardware.memory_mib,
        disk_mib: hardware.disk_mib,
        labels: hardware.labels.into_iter().map(label).collect(),
    }
}

fn gpu(gpu: wit::Gpu) -> Gpu {
    Gpu {
        model: gpu.model,
        count: gpu.count,
        memory_mib: gpu.memory_mib,
        uuids: gpu.uuids,
    }
}

pub(super) fn label(label: wit::Label) -> Label {
    Label {
        name: label.name,
        value: label.value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn score(uid: Uid) -> scoring::Score {
        scoring::Score {
            uid,
            points: 1,
            reason: String::new(),
        }
    }

    fn refusal(scores: Vec<scoring::Score>, memory: Vec<u8>) -> String {
        let given = scoring::Outcome { scores, memory };
        outcome(given, &HashSet::from([1, 2]))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_uid_that_is_unknown_or_named_twice_fails_the_epoch() {
        assert!(refusal(vec![score(3)], vec![]).contains("uid 3 is no miner"));
        assert!(refusal(vec![score(1), score(1)], vec![]).contains("uid 1 is scored twice"));
    }

    #[test]
    fn a_memory_past_its_limit_fails_the_epoch() {
        assert!(refusal(vec![], vec![0; POLICY_MEMORY_BYTES_MAX + 1]).contains("1048577 bytes"));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters_and_costs_nobody_anything() {
        let given = scoring::Outcome {
            scores: vec![scoring::Score {
                reason: "ä".repeat(REASON_BYTES_MAX),
                ..score(1)
            }],
            memory: vec![],
        };
        let kept = outcome(given, &HashSet::from([1])).unwrap();
        assert_eq!(kept.scores[0].reason.len(), REASON_BYTES_MAX);
    }

    const SEED: &[u8; 32] = &[7; 32];

    #[test]
    fn a_task_that_carries_the_seed_is_refused() {
        let mut payload = vec![1; 100];
        payload[40..72].copy_from_slice(SEED);
        let task = challenge::Task {
            solver: "s".into(),
            payload,
            timeout_ms: 1,
        };
        assert!(step(challenge::Step::Ask(task), 0, SEED).is_err());
    }

    fn asking(solver: &str, payload: usize, timeout_ms: u32) -> challenge::Step {
        challenge::Step::Ask(challenge::Task {
            solver: solver.into(),
            payload: vec![0; payload],
            timeout_ms,
        })
    }

    #[test]
    fn a_task_outside_the_contract_is_refused() {
        for bad in [
            asking("", 0, 1),
            asking(&"s".repeat(65), 0, 1),
            asking("s", PAYLOAD_BYTES_MAX + 1, 1),
            asking("s", 0, 0),
            asking("s", 0, TASK_TIMEOUT_MS_MAX + 1),
        ] {
            assert!(matches!(
                step(bad, 0, SEED),
                Err(PluginError::BrokeContract(_))
            ));
        }
        assert!(
            step(
                asking("s", PAYLOAD_BYTES_MAX, TASK_TIMEOUT_MS_MAX),
                15,
                SEED
            )
            .is_ok()
        );
        assert!(step(asking("s", 0, 1), SESSION_TASKS_MAX, SEED).is_err());
    }

    #[test]
    fn a_grade_past_1000_is_refused() {
        let verdict = challenge::Verdict {
            passed: true,
            grade_permille: 1001,
            proven: None,
            metrics: vec![],
            reason: String::new(),
            memory: vec![],
        };
        assert!(step(challenge::Step::Conclude(verdict), 0, SEED).is_err());
    }
}
