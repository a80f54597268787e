//! A newcomer is tried before it takes over: a policy scores the last epochs on
//! record, a generator sets the first task of a session with nobody.
//!
//! Everything is asked twice, in instances that live side by side, so that neither
//! has the other's memory; what differs in a bit or a unit of fuel is
//! [`Unsteady`](AdmissionError::Unsteady). What fails on an epoch that was scored
//! would leave the next one without weights, so it is refused too. Where nothing
//! is on record the policy scores an epoch that was made up, and may say that it
//! will not: that proves nothing about a real one.
//!
//! Bounded by the newcomer's own limits, call by call, and by the admission's
//! deadline. A solver has nobody's task to answer and is not rehearsed.

use wasmtime::Store;
use wasmtime::component::Instance;

use serde::Serialize;

use super::admission::AdmissionError;
use super::call::{Loaded, Maker, Running};
use super::guest::{Begun, Chance, Guest};
use super::v0_1::{Exports, generator, policy};
use crate::subnet::challenge::Session;
use crate::subnet::difference::first_difference;
use crate::subnet::evidence::{EpochRecord, EvidenceStore};
use crate::subnet::hardware::Hardware;
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{PluginError, World};
use crate::subnet::scoring::{Epoch, Evidence, Miner, Outcome};

/// Tries `newcomer` on what is on record, or on what is made up; blocks.
pub(super) fn rehearse(
    newcomer: &Loaded,
    evidence: Option<&dyn EvidenceStore>,
) -> Result<(), AdmissionError> {
    match newcomer.world() {
        World::ScoringPolicy => match &*last_epochs(evidence) {
            [] => {
                let made_up = made_up_epoch();
                made_up_passes("an epoch that was made up", score(newcomer, &made_up)?)
            }
            epochs => score_all(newcomer, epochs),
        },
        World::ChallengeGenerator => made_up_passes("a session with nobody", first_task(newcomer)?),
        World::ChallengeSolver | World::ProviderAdapter => Ok(()),
    }
}

/// Whether a generator sets its first task where no miner has a say.
pub(super) fn is_sound(generator: &Loaded) -> bool {
    matches!(first_task(generator), Ok(Ok(())))
}

/// The last two epochs that were scored, oldest first, where they are neighbours.
fn last_epochs(evidence: Option<&dyn EvidenceStore>) -> Vec<EpochRecord> {
    let Some(evidence) = evidence else {
        return Vec::new();
    };
    let read = evidence.last_epoch().and_then(|last| {
        let number = last.as_ref().map(|last| last.evidence.epoch.number);
        let before = number.and_then(|number| number.checked_sub(1));
        let before = before.map(|number| evidence.epoch(number)).transpose()?;
        let before = before.flatten().filter(|before| before.outcome.is_ok());
        Ok(before.into_iter().chain(last).collect())
    });
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "a newcomer is not tried on the last epochs");
        Vec::new()
    })
}

/// In a row, as it would have lived through them.
fn score_all(newcomer: &Loaded, epochs: &[EpochRecord]) -> Result<(), AdmissionError> {
    let mut last: Option<(u64, Outcome)> = None;
    for record in epochs {
        let mut evidence = record.evidence.clone();
        let number = evidence.epoch.number;
        match last {
            Some((before, outcome)) if before + 1 == number => evidence.memory = outcome.memory,
            _ if record.policy.name == newcomer.id.name => {}
            _ => evidence.memory.clear(),
        }
        let outcome = score(newcomer, &evidence)?;
        let outcome = outcome.map_err(|error| AdmissionError::Rehearsal {
            on: format!("epoch {number}, which is on record"),
            error,
        })?;
        last = Some((number, outcome));
    }
    Ok(())
}

fn made_up_passes<T>(on: &str, came_to: Result<T, PluginError>) -> Result<(), AdmissionError> {
    match came_to {
        Ok(_) => Ok(()),
        Err(PluginError::Failed(why)) => {
            tracing::warn!(on, why, "in its rehearsal a newcomer said that it will not");
            Ok(())
        }
        Err(error) => Err(AdmissionError::Rehearsal {
            on: on.to_owned(),
            error,
        }),
    }
}

type CameTo<T> = Result<Result<T, PluginError>, AdmissionError>;

fn score(newcomer: &Loaded, evidence: &Evidence) -> CameTo<Outcome> {
    let question = policy::Question::of(evidence);
    twice(
        &newcomer.maker,
        policy::Question::chance,
        |exports, store, instance| question.ask(exports, store, instance),
        |given| question.read(given),
    )
}

fn first_task(newcomer: &Loaded) -> CameTo<()> {
    let question = generator::Question::of(&session_with_nobody(), &[]);
    let asked = twice(
        &newcomer.maker,
        || question.chance(),
        |exports, store, instance| question.ask(exports, store, instance),
        |given| question.read(given),
    );
    Ok(asked?.map(drop))
}

/// The answer, if it is the same twice; its error, if that is.
fn twice<T, U: Serialize>(
    maker: &Maker,
    chance: impl Fn() -> Chance,
    ask: impl Fn(&Exports, &mut Store<Guest>, &Instance) -> wasmtime::Result<T>,
    read: impl Fn(T) -> Result<U, PluginError>,
) -> CameTo<U> {
    let begun = Begun::now();
    let (one, two) = (maker.start(chance(), &begun), maker.start(chance(), &begun));
    let run = |running: Result<Running, PluginError>| -> Result<(U, u64), PluginError> {
        let ran = maker.work_in(&mut running?, &ask)?;
        Ok((read(ran.value)?, ran.fuel))
    };
    let (one, two) = (run(one), run(two));
    match (one, two) {
        (Ok((one, fuel)), Ok((two, again))) => {
            if let Some(parted) = first_difference(&one, &two) {
                return Err(AdmissionError::unsteady(parted));
            }
            if fuel != again {
                return Err(AdmissionError::unsteady_fuel(fuel, again));
            }
            Ok(Ok(one))
        }
        (Err(one), Err(two)) if one.kind() == two.kind() => Ok(Err(one)),
        (one, two) => {
            let word = |ran: Result<(U, u64), PluginError>| match ran {
                Ok(_) => "an answer".to_owned(),
                Err(error) => format!("it {error}"),
            };
            Err(AdmissionError::Unsteady {
                at: "the whole".to_owned(),
                one: word(one),
                two: word(two),
            })
        }
    }
}

const NOBODY: AccountId = AccountId([0; 32]);

/// One miner that has just come.
fn made_up_epoch() -> Evidence {
    Evidence {
        epoch: Epoch {
            netuid: 1,
            mechanism: 0,
            number: 1,
            block: 360,
            previous_block: None,
            burn_uid: None,
            metrics: Vec::new(),
        },
        miners: vec![Miner {
            uid: 1,
            hotkey: NOBODY,
            coldkey: NOBODY,
            registered_at: 1,
            address: None,
            machines: Vec::new(),
            findings: Vec::new(),
            availability_permille: 0,
            previous_points: 0,
            metrics: Vec::new(),
        }],
        memory: Vec::new(),
    }
}

fn session_with_nobody() -> Session {
    Session {
        id: "rehearsal".to_owned(),
        netuid: 1,
        validator: NOBODY,
        uid: 1,
        hotkey: NOBODY,
        machine: String::new(),
        block: 360,
        claimed: None::<Hardware>,
        seed: [7; 32],
        memory: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;
    use std::sync::Arc;

    use super::*;
    use crate::plugin::builtin;
    use crate::plugin::engine::Engine;
    use crate::plugin::limits::Limits;
    use crate::plugin::lone::{self, With};
    use crate::plugin::settings::Settings;

    /// A policy of which nothing is called: what is compared is the test's.
    fn policy() -> Arc<Loaded> {
        let engine = Engine::new(Limits::default()).unwrap();
        let with = With::Table(Settings::new());
        let bytes = &builtin::score_level().bytes;
        lone::load(&engine, bytes, with, World::ScoringPolicy).unwrap()
    }

    #[test]
    fn answers_that_part_are_named_by_the_place_where_they_do() {
        let policy = policy();
        let asked = Cell::new(0);
        let ask = |_: &Exports, _: &mut Store<Guest>, _: &Instance| {
            asked.set(asked.get() + 1);
            Ok(vec![7, asked.get()])
        };
        let came_to = twice(&policy.maker, policy::Question::chance, ask, Ok);
        let parted = AdmissionError::Unsteady {
            at: "[1]".to_owned(),
            one: "1".to_owned(),
            two: "2".to_owned(),
        };
        assert_eq!(came_to.unwrap_err(), parted);
    }

    #[test]
    fn equal_answers_of_different_fuel_part_too() {
        let policy = policy();
        let asked = Cell::new(0);
        let ask = |_: &Exports, store: &mut Store<Guest>, _: &Instance| {
            asked.set(asked.get() + 1);
            store.set_fuel(asked.get())
        };
        let came_to = twice(&policy.maker, policy::Question::chance, ask, Ok);
        assert!(matches!(came_to, Err(AdmissionError::Unsteady { at, .. }) if at == "fuel"));
    }

    #[test]
    fn one_answer_and_one_failure_part_and_two_failures_of_a_kind_are_one() {
        let policy = policy();
        let asked = Cell::new(0);
        let fails_after = |good: u64| {
            asked.set(0);
            let ask = |_: &Exports, _: &mut Store<Guest>, _: &Instance| {
                asked.set(asked.get() + 1);
                match asked.get() <= good {
                    true => Ok(1),
                    false => Err(PluginError::Failed("no".into()).into()),
                }
            };
            twice(&policy.maker, policy::Question::chance, ask, Ok)
        };
        assert!(matches!(
            fails_after(1),
            Err(AdmissionError::Unsteady { .. })
        ));
        assert!(matches!(fails_after(0), Ok(Err(PluginError::Failed(_)))));
        assert!(matches!(fails_after(2), Ok(Ok(1))));
    }
}
