//! Repeats what was decided: the same bytes in give the same bytes out, or the
//! first difference is named.
//!
//! An epoch is one call: its evidence, once more through its policy. A session
//! is one call for each step: whatever the generator asked then, it asks again,
//! and in the end it concludes the same. Fuel is compared apart: it is the same
//! for the same version of the engine, the outcome is the same for all of them.

use serde::Serialize;

use crate::subnet::challenge::Step;
use crate::subnet::difference::{Difference, first_difference};
use crate::subnet::evidence::{EndedSession, Ending, EpochRecord};
use crate::subnet::plugin::{ChallengeGenerator, PluginError, ScoringPolicy};

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
