//! From bytes to a plugin that may take over, or a refusal with its remedy.
//!
//! ```text
//! size -> approval -> component at all? -> which world, which generation -> imports
//!   -> compile -> link -> instantiate, types -> describe -> settings -> a plugin
//! ```
//!
//! Every step runs under the limits its calls will run under, on a thread of
//! its own. What is not here yet has its place: signatures beside the pin in
//! `registry`, the child process and the authenticated cache in
//! [`Engine::compile`](super::engine::Engine), the rehearsal after the settings.

mod refusal;
mod shape;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use self::refusal::AdmissionError;
pub(super) use self::shape::{imports_of, world_of};
use super::call::{Loaded, Maker};
use super::engine::{CompileError, Compiled, Engine};
use super::fault;
use super::guest::{Begun, Chance};
use super::settings::{self, Settings, SettingsByPlugin};
use super::stats::Counters;
use super::v0_1::{self, Description};
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::Observer;
use crate::subnet::plugin::{Digest, PluginId, World};
use crate::subnet::text::escape;

/// The longest name a plugin may describe itself with.
const NAME_BYTES_MAX: usize = 64;
/// The longest version.
const VERSION_BYTES_MAX: usize = 64;
/// The longest summary.
const SUMMARY_BYTES_MAX: usize = 256;
/// Solvers that one plugin may answer to, and their names' length.
const SOLVES_MAX: usize = 32;
const SOLVER_NAME_BYTES_MAX: usize = 64;

/// What a component is admitted with.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) engine: Engine,
    /// By the name a plugin describes itself with.
    pub(super) settings: Arc<SettingsByPlugin>,
    pub(super) accelerator: Option<Arc<dyn Accelerator>>,
    /// Hears of calls.
    pub(super) observer: Arc<dyn Observer>,
}

/// SHA-256 of a component's bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Refuses what is too large to be read.
pub(super) fn check_size(bytes: u64, max: usize) -> Result<(), AdmissionError> {
    if bytes > max as u64 {
        return Err(AdmissionError::TooLarge { bytes, max });
    }
    Ok(())
}

/// The whole way; blocks for as long as compilation takes. The plugin describes
/// itself with the settings of `expected`, the name it is thought to have.
pub(super) fn admit(
    bytes: &[u8],
    expected: &str,
    around: &Surroundings,
) -> Result<Arc<Loaded>, AdmissionError> {
    check_size(
        bytes.len() as u64,
        around.engine.limits().component_bytes_max,
    )?;
    let _within = within(around);
    let compiled = compile(bytes, around)?;
    let thought = around.settings.get(expected).cloned().unwrap_or_default();
    let described = describe(around, &compiled, thought)?;
    let table = around
        .settings
        .get(&described.name)
        .cloned()
        .unwrap_or_default();
    finish(around, compiled, described, table)
}

/// As [`admit`], for a session that began under settings of its own.
pub(super) fn admit_with(
    bytes: &[u8],
    around: &Surroundings,
    table: Settings,
) -> Result<Arc<Loaded>, AdmissionError> {
    let _within = within(around);
    let compiled = compile(bytes, around)?;
    let described = describe(around, &compiled, table.clone())?;
    finish(around, compiled, described, table)
}

/// Within the engine's timers, without which WASI would start a runtime of its own.
fn within(around: &Surroundings) -> Option<tokio::runtime::EnterGuard<'_>> {
    around.engine.timers().map(tokio::runtime::Handle::enter)
}

fn compile(bytes: &[u8], around: &Surroundings) -> Result<Arc<Compiled>, AdmissionError> {
    let world = shape::world_of(bytes)?;
    around
        .engine
        .compile(world, digest(bytes), bytes)
        .map_err(|error| refuse_compile(&error, world))
}

fn refuse_compile(error: &CompileError, world: World) -> AdmissionError {
    match error {
        CompileError::Compile(error) => AdmissionError::Malformed(fault::chain(error)),
        CompileError::Link(error) => AdmissionError::Import {
            world,
            why: fault::chain(error),
        },
        CompileError::Exports(error) => AdmissionError::Export {
            world,
            why: fault::chain(error),
        },
    }
}

/// Instantiates for the first time: what does not fit shows here.
fn describe(
    around: &Surroundings,
    compiled: &Arc<Compiled>,
    table: Settings,
) -> Result<Description, AdmissionError> {
    let maker = maker(around, compiled, table, "plugin");
    let mut running = maker
        .start(Chance::seeded(b"admission"), &Begun::now())
        .map_err(AdmissionError::Instantiate)?;
    compiled
        .exports
        .check_types(&mut running.store, &running.instance)
        .map_err(|error| AdmissionError::Export {
            world: compiled.world,
            why: fault::chain(&error),
        })?;
    let described = maker
        .work_in(&mut running, v0_1::describe)
        .map_err(AdmissionError::Describe)?
        .value;
    check_description(&described)?;
    Ok(described)
}

fn finish(
    around: &Surroundings,
    compiled: Arc<Compiled>,
    described: Description,
    table: Settings,
) -> Result<Arc<Loaded>, AdmissionError> {
    let max = around.engine.limits().settings_bytes_max;
    let bytes = settings::size_bytes(&table);
    if bytes > max {
        let name = described.name;
        return Err(AdmissionError::SettingsTooLarge { name, bytes, max });
    }
    let id = PluginId {
        name: described.name,
        version: described.version,
        digest: compiled.digest,
        settings: settings::digest(&table),
    };
    let maker = maker(around, &compiled, table, &id.name);
    let solves = check_settings(&maker, &id)?;
    let class = around.engine.class(compiled.world);
    Ok(Arc::new(Loaded {
        id,
        summary: escape(&described.summary),
        solves,
        lane: class.queue.lane(maker.limits()),
        maker,
        counters: Counters::default(),
        observer: around.observer.clone(),
    }))
}

fn maker(around: &Surroundings, compiled: &Arc<Compiled>, table: Settings, tag: &str) -> Maker {
    Maker {
        engine: around.engine.clone(),
        compiled: compiled.clone(),
        settings: Arc::new(table),
        accelerator: around.accelerator.clone(),
        tag: tag.into(),
    }
}

/// Asks the plugin about its settings and, a solver, about its names.
fn check_settings(maker: &Maker, id: &PluginId) -> Result<Vec<String>, AdmissionError> {
    let chance = || Chance::seeded(b"admission");
    let ran = maker
        .run(chance(), &Begun::now(), v0_1::check_settings)
        .map_err(AdmissionError::CheckSettings)?;
    if let Err(why) = ran.value {
        return Err(AdmissionError::Settings {
            name: id.name.clone(),
            why: escape(&why),
        });
    }
    let solves = maker
        .run(chance(), &Begun::now(), v0_1::solver::solves)
        .map_err(AdmissionError::Describe)?
        .value;
    check_solves(solves)
}

fn check_solves(solves: Vec<String>) -> Result<Vec<String>, AdmissionError> {
    let named = |name: &String| {
        !name.is_empty() && name.len() <= SOLVER_NAME_BYTES_MAX && escape(name) == *name
    };
    if solves.len() > SOLVES_MAX || !solves.iter().all(named) {
        return Err(AdmissionError::Description(format!(
            "it solves {} names; at most {SOLVES_MAX} are allowed, of 1 to \
             {SOLVER_NAME_BYTES_MAX} printable bytes each",
            solves.len()
        )));
    }
    Ok(solves)
}

fn check_description(described: &Description) -> Result<(), AdmissionError> {
    let Description {
        name,
        version,
        summary,
    } = described;
    let wrong = |text: String| Err(AdmissionError::Description(text));
    if !is_kebab(name) {
        return wrong(format!(
            "its name is `{}`; a name is kebab-case (a-z, 0-9, single hyphens, a letter first), \
             at most {NAME_BYTES_MAX} bytes",
            escape(name)
        ));
    }
    if version.len() > VERSION_BYTES_MAX || semver::Version::parse(version).is_err() {
        return wrong(format!(
            "its version is `{}`; a version is semver, as in `1.2.3`",
            escape(version)
        ));
    }
    if summary.len() > SUMMARY_BYTES_MAX || summary.contains('\n') {
        return wrong(format!(
            "its summary has {} bytes; a summary is one line of at most {SUMMARY_BYTES_MAX}",
            summary.len()
        ));
    }
    Ok(())
}

fn is_kebab(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|word| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(name: &str, version: &str, summary: &str) -> Description {
        Description {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
        }
    }

    #[test]
    fn a_description_is_kebab_semver_and_one_line() {
        assert!(check_description(&description("gpu-tflops2", "1.2.3-rc.1", "Pays.")).is_ok());
        for bad in [
            description("", "1.0.0", ""),
            description("Gpu", "1.0.0", ""),
            description("a--b", "1.0.0", ""),
            description("a\u{1b}[2J", "1.0.0", ""),
            description("a", "1.0", ""),
            description("a", "1.0.0", "two\nlines"),
            description("a", "1.0.0", &"s".repeat(257)),
        ] {
            assert!(matches!(
                check_description(&bad),
                Err(AdmissionError::Description(_))
            ));
        }
    }

    #[test]
    fn a_solver_with_an_empty_name_is_refused() {
        assert!(check_solves(vec![String::new()]).is_err());
        assert!(check_solves(vec!["\u{1b}[2J".into()]).is_err());
        assert!(check_solves(vec!["matmul-merkle-v1".into()]).is_ok());
    }
}
