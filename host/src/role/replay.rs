//! Repeats what was decided: the same bytes in give the same bytes out, or the
//! first difference is named.
//!
//! An epoch is one call: its evidence, once more through its policy. A session
//! is one call for each step: whatever the generator asked then, it asks again,
//! and in the end it concludes the same. Fuel is compared apart: it is the same
//! for the same version of the engine, the outcome is the same for all of them.

use serde::Serialize;
use serde_json::Value;

use crate::subnet::challenge::Step;
use crate::subnet::evidence::{EndedSession, Ending, EpochRecord};
use crate::subnet::plugin::{ChallengeGenerator, PluginError, ScoringPolicy};

/// The longest value that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 120;

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The first place: `scores[3].points`.
    pub at: String,
    /// What was recorded there.
    pub recorded: String,
    /// What it is now.
    pub now: String,
}

/// A call, or a session's calls, once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Absent if every bit is the same.
    pub difference: Option<Difference>,
    /// Burned then; zero if it was not recorded.
    pub fuel_recorded: u64,
    /// Burned now.
    pub fuel_now: u64,
}

/// Scores a recorded epoch once more.
pub async fn epoch(policy: &dyn ScoringPolicy, record: &EpochRecord) -> Replayed {
    let called = policy.evaluate(&record.evidence).await;
    let (now, fuel_now) = match called {
        Ok(called) => (Ok(called.value), called.fuel),
        Err(error) => (Err(error.to_string()), 0),
    };
    Replayed {
        difference: first_difference(&record.outcome, &now),
        fuel_recorded: record.fuel,
        fuel_now,
    }
}

/// Takes a recorded session through its steps once more. What a void session
/// asked is repeated; why it became void was not the generator's doing.
pub async fn session(generator: &dyn ChallengeGenerator, session: &EndedSession) -> Replayed {
    let mut fuel_now = 0;
    let difference = walk(generator, session, &mut fuel_now).await;
    Replayed {
        difference,
        fuel_recorded: 0,
        fuel_now,
    }
}

async fn walk(
    generator: &dyn ChallengeGenerator,
    ended: &EndedSession,
    fuel: &mut u64,
) -> Option<Difference> {
    let transcript = &ended.transcript;
    for (step, exchange) in transcript.iter().enumerate() {
        let now = advance(generator, ended, step, fuel).await;
        let recorded: Advanced = Ok(Step::Ask(exchange.task.clone()));
        if let Some(mut difference) = differ(&recorded, &now) {
            difference.at = format!("step[{step}].{}", difference.at);
            return Some(difference);
        }
    }
    let Ending::Judged(verdict) = &ended.ending else {
        return None;
    };
    let now = advance(generator, ended, transcript.len(), fuel).await;
    let mut difference = differ(&Ok(Step::Conclude(verdict.clone())), &now)?;
    difference.at = format!("verdict.{}", difference.at);
    Some(difference)
}

type Advanced = Result<Step, PluginError>;

async fn advance(
    generator: &dyn ChallengeGenerator,
    ended: &EndedSession,
    step: usize,
    fuel: &mut u64,
) -> Advanced {
    let known = &ended.transcript[..step];
    let called = generator.advance(&ended.record.session, known).await?;
    *fuel = fuel.saturating_add(called.fuel);
    Ok(called.value)
}

fn differ(recorded: &Advanced, now: &Advanced) -> Option<Difference> {
    match (recorded, now) {
        (Ok(Step::Ask(then)), Ok(Step::Ask(now))) => first_difference(then, now),
        (Ok(Step::Conclude(then)), Ok(Step::Conclude(now))) => first_difference(then, now),
        _ if recorded == now => None,
        _ => Some(Difference {
            at: "kind".to_owned(),
            recorded: kind(recorded),
            now: kind(now),
        }),
    }
}

fn kind(advanced: &Advanced) -> String {
    match advanced {
        Ok(Step::Ask(_)) => "a task".to_owned(),
        Ok(Step::Conclude(_)) => "a verdict".to_owned(),
        Err(error) => format!("an error: it {error}"),
    }
}

fn first_difference<T: Serialize>(recorded: &T, now: &T) -> Option<Difference> {
    let value = |of: &T| serde_json::to_value(of).unwrap_or(Value::Null);
    let (at, recorded, now) = parted(&value(recorded), &value(now), String::new())?;
    Some(Difference { at, recorded, now })
}

/// The first place, in the order of fields, where two values part.
fn parted(a: &Value, b: &Value, at: String) -> Option<(String, String, String)> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a
                .keys()
                .chain(b.keys().filter(|name| !a.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let dot = if at.is_empty() { "" } else { "." };
                let none = &Value::Null;
                let (a, b) = (a.get(name).unwrap_or(none), b.get(name).unwrap_or(none));
                parted(a, b, format!("{at}{dot}{name}"))
            })
        }
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|index| {
            let at = format!("{at}[{index}]");
            match (a.get(index), b.get(index)) {
                (Some(a), Some(b)) => parted(a, b, at),
                (a, b) => Some((at, quoted(a), quoted(b))),
            }
        }),
        _ if a == b => None,
        _ => Some((at, quoted(Some(a)), quoted(Some(b)))),
    }
}

fn quoted(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::scoring::{Outcome, Score};

    fn outcome(points: &[u64]) -> Result<Outcome, String> {
        let score = |(uid, points): (u16, &u64)| Score {
            uid,
            points: *points,
            reason: "x".repeat(500),
        };
        Ok(Outcome {
            scores: (0..).zip(points).map(score).collect(),
            memory: Vec::new(),
        })
    }

    #[test]
    fn equal_outcomes_have_no_difference() {
        assert_eq!(first_difference(&outcome(&[1, 2]), &outcome(&[1, 2])), None);
    }

    #[test]
    fn the_first_difference_is_named_and_quoted_in_bounds() {
        let found = first_difference(&outcome(&[1, 2, 3]), &outcome(&[1, 7, 9]));
        let found = found.map(|found| (found.at, found.recorded, found.now));
        let expected = ("Ok.scores[1].points".into(), "2".into(), "7".into());
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_score_too_many_is_a_difference() {
        let found = first_difference(&outcome(&[1]), &outcome(&[1, 2]));
        let at = found.as_ref().map(|found| found.at.as_str());
        assert_eq!(at, Some("Ok.scores[1]"));
        assert!(found.is_some_and(|found| {
            found.recorded == "nothing" && found.now.chars().count() <= QUOTED_CHARS_MAX + 3
        }));
    }

    #[test]
    fn an_error_in_place_of_an_outcome_is_a_difference() {
        let failed: Result<Outcome, String> = Err("crashed".into());
        assert!(first_difference(&outcome(&[1]), &failed).is_some());
        assert_eq!(first_difference(&failed, &failed.clone()), None);
    }
}
