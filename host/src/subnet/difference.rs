//! Where two runs of the same call part: the place by its name, both values quoted.

use serde::Serialize;
use serde_json::Value;

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

/// The first place, in the order of fields, where two values part; nothing if every
/// bit is the same.
pub fn first_difference<T: Serialize>(recorded: &T, now: &T) -> Option<Difference> {
    let value = |of: &T| serde_json::to_value(of).unwrap_or(Value::Null);
    let (at, recorded, now) = parted(&value(recorded), &value(now), String::new())?;
    Some(Difference { at, recorded, now })
}

/// The place, and what each of the two has there.
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
