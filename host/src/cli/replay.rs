//! `host replay`: what was decided, decided once more.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::config::Settings;
use crate::role::replay::{self, Replayed};
use crate::store::StoreReader;
use crate::subnet::evidence::{EndedSession, EpochRecord};
use crate::subnet::text::escape;

use super::arguments::NodeArgs;
use super::components::Components;
use super::epochs::Epochs;
use super::progress::Progress;
use super::{World, print_json, small_runtime};

/// Epochs and sessions repeated by one command.
const REPEATED_MAX: usize = 10_000;

/// Work out again what a validator decided, and say whether it is the same.
///
/// Every scored epoch and every ended challenge session is on record with all
/// it was worked out from. Repeating it gives the same result to the last bit,
/// on any machine; if it does not, the first difference is named. The node may
/// run meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host replay                         all epochs and sessions on record
  host replay --epochs 120..130
  host replay --session 3f9c... --json

Exit code 1 means that something differs or cannot be repeated.")]
pub(super) struct Replay {
    /// Epochs: 7, 7..12, 7.. or ..12, both ends included [default: all]
    #[arg(long, value_name = "RANGE")]
    epochs: Option<Epochs>,
    /// A session, by its id; may be given more than once [default: all that have ended]
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    /// A component that is not on record any more
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What became of one epoch or session.
#[derive(Debug, Serialize)]
pub(super) struct Repeated {
    /// `epoch 7` or `session 3f9c...`.
    what: String,
    /// Which plugin.
    plugin: String,
    /// Absent if it could not be repeated.
    replayed: Option<Replayed>,
    /// Why it could not.
    why_not: Option<String>,
}

impl Replay {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = validator(&self.node, world)?;
        let evidence = StoreReader::open(&settings.state_folder)?;
        let (epochs, sessions) = self.wanted(&evidence)?;
        let mut components = Components::new(&settings, &self.wasm)?
            .with_evidence(StoreReader::open(&settings.state_folder)?);
        let runtime = small_runtime()?;
        let mut progress = Progress::new("replayed", epochs.len() + sessions.len());
        let mut all = Vec::new();
        for number in epochs {
            if let Some(record) = evidence.epoch(number)? {
                all.push(runtime.block_on(epoch(&mut components, &record)));
                progress.step();
            }
        }
        for id in sessions {
            match evidence.ended_session(&id)? {
                Some(ended) => all.push(runtime.block_on(session(&mut components, &ended))),
                None => all.push(Repeated::not(&id)),
            }
            progress.step();
        }
        progress.done();
        report(world, &all, self.json)
    }

    /// Which epochs and sessions; naming some of one kind leaves out the other.
    fn wanted(&self, evidence: &StoreReader) -> anyhow::Result<(Vec<u64>, Vec<String>)> {
        let epochs = match (&self.epochs, self.session.is_empty()) {
            (None, false) => Vec::new(),
            (epochs, _) => {
                let range = epochs.clone().unwrap_or_default().0;
                evidence.epoch_numbers(range, REPEATED_MAX)?
            }
        };
        let sessions = match (self.session.is_empty(), &self.epochs) {
            (false, _) => self.session.clone(),
            (true, Some(_)) => Vec::new(),
            (true, None) => evidence.ended_sessions(REPEATED_MAX)?,
        };
        Ok((epochs, sessions))
    }
}

/// The settings of a validator, whose evidence is meant unless another is named.
pub(super) fn validator(node: &NodeArgs, world: &World<'_>) -> anyhow::Result<Settings> {
    if node.is_specific() {
        world.settings(node)
    } else {
        world.settings(&node.with_role("validator"))
    }
}

impl Repeated {
    fn not(id: &str) -> Self {
        Self {
            what: format!("session {id}"),
            plugin: String::new(),
            replayed: None,
            why_not: Some("no session of that id has ended".to_owned()),
        }
    }

    /// Whether it came to the same.
    pub(super) fn is_same(&self) -> bool {
        self.replayed
            .as_ref()
            .is_some_and(|replayed| replayed.difference.is_none())
    }
}

/// Repeats an epoch.
pub(super) async fn epoch(components: &mut Components, record: &EpochRecord) -> Repeated {
    let (replayed, why_not) = match components.policy(&record.policy) {
        Ok(policy) => (Some(replay::epoch(&*policy, record).await), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Repeated {
        what: format!("epoch {}", record.evidence.epoch.number),
        plugin: format!("{} {}", record.policy.name, record.policy.version),
        replayed,
        why_not,
    }
}

/// Repeats a session.
pub(super) async fn session(components: &mut Components, ended: &EndedSession) -> Repeated {
    let id = &ended.record.generator;
    let (replayed, why_not) = match components.generator(id) {
        Ok(generator) => (Some(replay::session(&*generator, ended).await), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Repeated {
        what: format!("session {}", ended.record.session.id),
        plugin: format!("{} {}", id.name, id.version),
        replayed,
        why_not,
    }
}

/// Prints what differs, and how many do not; anything but the same is an error.
pub(super) fn report(world: &mut World<'_>, all: &[Repeated], json: bool) -> anyhow::Result<()> {
    let same = all.iter().filter(|repeated| repeated.is_same()).count();
    if json {
        print_json(world.out, &all)?;
    } else {
        for repeated in all.iter().filter(|repeated| !repeated.is_same()) {
            writeln!(world.out, "{}", line(repeated))?;
        }
        let (fuel, counted) = fuel(all);
        writeln!(
            world.out,
            "{same} of {} came to the same, bit for bit; fuel the same in {fuel} of {counted} epochs",
            all.len()
        )?;
    }
    anyhow::ensure!(!all.is_empty(), "there is nothing on record to repeat");
    anyhow::ensure!(
        same == all.len(),
        "{} did not come to the same",
        all.len() - same
    );
    Ok(())
}

fn line(repeated: &Repeated) -> String {
    let (what, plugin) = (escape(&repeated.what), escape(&repeated.plugin));
    match (&repeated.replayed, &repeated.why_not) {
        (Some(replayed), _) => match &replayed.difference {
            Some(difference) => format!(
                "{what} ({plugin}) differs at {}: recorded {}, now {}",
                escape(&difference.at),
                escape(&difference.recorded),
                escape(&difference.now)
            ),
            None => format!("{what} ({plugin}) is the same"),
        },
        (None, why) => format!(
            "{what} cannot be repeated: {}",
            escape(why.as_deref().unwrap_or_default())
        ),
    }
}

/// Of the epochs whose fuel is on record, how many burned the same, and how many there are.
fn fuel(all: &[Repeated]) -> (usize, usize) {
    let recorded: Vec<_> = all
        .iter()
        .filter_map(|repeated| repeated.replayed.as_ref())
        .filter(|replayed| replayed.fuel_recorded > 0)
        .collect();
    let same = recorded.iter().filter(|r| r.fuel_recorded == r.fuel_now);
    (same.count(), recorded.len())
}
