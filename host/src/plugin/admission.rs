//! From bytes to a plugin that may take over, or a refusal with its remedy.
//!
//! ```text
//! size -> approval -> component at all? -> which world, which generation -> imports
//!   -> compile -> link -> instantiate, types -> describe -> settings
//!   -> an adapter's wants against the grant -> a plugin
//!   -> rehearsal, if it is to take over -> active
//! ```
//!
//! Every step runs under the limits its calls will run under, on a thread of
//! its own; compilation runs in a process of its own (`compile`), or not at all
//! where its result is kept (`cache`). The rehearsal is asked for by whoever swaps.

mod refusal;
mod shape;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use self::refusal::AdmissionError;
pub(super) use self::shape::{imports_of, world_of};
use super::call::{Loaded, Maker};
use super::compile::Failure;
use super::engine::{CompileError, Compiled, Engine};
use super::fault;
use super::guest::{Begun, Chance};
use super::manifest::{self, Manifest, Signed};
use super::outside::Outside;
use super::settings::{self, Settings};
use super::stats::{Counters, Trouble};
use super::tables::{self, Tables};
use super::trust::{self, TrustError};
use super::v0_1::{self, Description};
use crate::subnet::accelerator::Accelerator;
use crate::subnet::events::{Observer, Unobserved};
use crate::subnet::plugin::{Digest, PluginError, PluginId, World};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;
use crate::subnet::trust::Subject;

/// The longest name a plugin may describe itself with.
const NAME_BYTES_MAX: usize = 64;
/// The longest version.
const VERSION_BYTES_MAX: usize = 64;
/// The longest summary.
const SUMMARY_BYTES_MAX: usize = 256;
/// Solvers that one plugin may answer to, and their names' length.
const SOLVES_MAX: usize = 32;
const SOLVER_NAME_BYTES_MAX: usize = 64;

/// wasmtime has no type for this error; tests pin its words.
const TOO_LARGE_FOR_THE_POOL: &str = "exceeds the";

/// What a component is admitted with.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) engine: Engine,
    /// By the name a plugin describes itself with.
    pub(super) tables: Tables,
    pub(super) accelerator: Option<Arc<dyn Accelerator>>,
    /// What adapters may reach.
    pub(super) outside: Outside,
    /// Hears of calls.
    pub(super) observer: Arc<dyn Observer>,
}

/// A component that is to be admitted.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) bytes: &'a [u8],
    /// The name it is thought to have.
    pub(super) expected: &'a str,
    pub(super) manifest: Option<&'a Arc<Signed>>,
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
/// itself with the settings of the name it is expected to have.
pub(super) fn admit(
    candidate: Candidate<'_>,
    around: &Surroundings,
) -> Result<Arc<Loaded>, AdmissionError> {
    admit_under(candidate, around, |name| around.tables.settings(name))
}

/// As [`admit`], for a session that began under settings of its own.
pub(super) fn admit_with(
    candidate: Candidate<'_>,
    around: &Surroundings,
    table: &Settings,
) -> Result<Arc<Loaded>, AdmissionError> {
    admit_under(candidate, around, |_| table.clone())
}

fn admit_under(
    candidate: Candidate<'_>,
    around: &Surroundings,
    settings: impl Fn(&str) -> Settings,
) -> Result<Arc<Loaded>, AdmissionError> {
    check_size(
        candidate.bytes.len() as u64,
        around.engine.limits().component_bytes_max,
    )?;
    let _within = within(around);
    let compiled = compile(candidate.bytes, around)?;
    let manifest = candidate.manifest.map(|signed| &signed.manifest);
    let expected = manifest.map_or(candidate.expected, |manifest| &manifest.name);
    let thought = maker(around, &compiled, settings(expected), expected, manifest)?;
    let described = ask(&thought)?;
    if let Some(manifest) = manifest {
        let subject = Subject::Plugin(compiled.world);
        trust::check_described(manifest, &described.name, &described.version, subject)?;
    }
    let table = settings(&described.name);
    check_table(around, &described.name, manifest, &table)?;
    let maker = maker(around, &compiled, table, &described.name, manifest)?;
    finish(around, maker, described, candidate.manifest.cloned())
}

/// What can be said of settings before the plugin is asked.
fn check_table(
    around: &Surroundings,
    name: &str,
    manifest: Option<&Manifest>,
    table: &Settings,
) -> Result<(), AdmissionError> {
    let max = around.engine.limits().settings_bytes_max;
    let bytes = settings::size_bytes(table);
    if bytes > max {
        let name = name.to_owned();
        return Err(AdmissionError::SettingsTooLarge { name, bytes, max });
    }
    let declared = manifest.map(|manifest| &*manifest.settings);
    Ok(tables::check_declared(declared.unwrap_or(&[]), table)?)
}

/// What a component is, before anybody thinks of running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its own name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// By its exports.
    pub world: World,
    /// What it asks to be granted, as long as nothing is set.
    pub wants: Vec<Want>,
}

/// Asks a component what it is, without settings; blocks.
pub fn describe(engine: &Engine, bytes: &[u8]) -> Result<Described, AdmissionError> {
    check_size(bytes.len() as u64, engine.limits().component_bytes_max)?;
    let around = Surroundings {
        engine: engine.clone(),
        tables: Tables::default(),
        accelerator: None,
        outside: Outside::default(),
        observer: Arc::new(Unobserved),
    };
    let _within = within(&around);
    let compiled = compile(bytes, &around)?;
    let maker = maker(&around, &compiled, Settings::new(), "plugin", None)?;
    let described = ask(&maker)?;
    Ok(Described {
        name: described.name,
        version: described.version,
        world: compiled.world,
        wants: wants(&maker)?,
    })
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
        CompileError::Compile(failure) => refuse_failure(failure),
        CompileError::Load(error) => refuse_load(fault::chain(error)),
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

/// Our own code, made a moment ago: what is wrong with it is its size, or ours.
fn refuse_load(why: String) -> AdmissionError {
    if why.contains(TOO_LARGE_FOR_THE_POOL) {
        return AdmissionError::TooManyParts(why);
    }
    AdmissionError::Compiler(why)
}

fn refuse_failure(failure: &Failure) -> AdmissionError {
    match failure {
        Failure::Invalid(words) => AdmissionError::Malformed(words.clone()),
        Failure::TooSlow(limit) => AdmissionError::CompilerTooSlow(*limit),
        Failure::Died(how) => AdmissionError::CompilerDied(how.clone()),
        Failure::TooLarge(max) => AdmissionError::CodeTooLarge(*max),
        Failure::Unavailable(why) => AdmissionError::Compiler(why.clone()),
    }
}

/// Instantiates for the first time: what does not fit shows here.
fn ask(maker: &Maker) -> Result<Description, AdmissionError> {
    let compiled = &maker.compiled;
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
    maker: Maker,
    described: Description,
    manifest: Option<Arc<Signed>>,
) -> Result<Arc<Loaded>, AdmissionError> {
    let id = PluginId {
        name: described.name,
        version: described.version,
        digest: maker.compiled.digest,
        settings: settings::digest(&maker.settings),
    };
    let solves = check_settings(&maker, &id)?;
    let signed = manifest.as_ref().map(|signed| &signed.manifest);
    let wants = check_wants(&maker, &id, signed, &around.outside)?;
    let class = around.engine.class(maker.compiled.world);
    Ok(Arc::new(Loaded {
        id,
        summary: escape(&described.summary),
        manifest,
        solves,
        wants,
        lane: class.queue.lane(maker.limits()),
        maker,
        counters: Counters::default(),
        trouble: Trouble::default(),
        observer: around.observer.clone(),
    }))
}

/// Under the limits and with the settings of `name`, which its log carries too.
fn maker(
    around: &Surroundings,
    compiled: &Arc<Compiled>,
    table: Settings,
    name: &str,
    manifest: Option<&Manifest>,
) -> Result<Maker, AdmissionError> {
    let engine = &around.engine;
    let world = compiled.world;
    let limits = around
        .tables
        .limits(engine.limits(), world, name, manifest)?;
    Ok(Maker {
        engine: engine.clone(),
        compiled: compiled.clone(),
        settings: Arc::new(table),
        limits: Arc::new(limits),
        accelerator: around.accelerator.clone(),
        tag: escape(name).into(),
    })
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

/// Asks an adapter what it wants, all of which must be granted: one that works by
/// halves would be found out when its money runs.
fn check_wants(
    maker: &Maker,
    id: &PluginId,
    manifest: Option<&Manifest>,
    outside: &Outside,
) -> Result<Vec<Want>, AdmissionError> {
    let wants = wants(maker)?;
    if let Some(manifest) = manifest {
        check_said(&wants, manifest)?;
    }
    let lines = outside.missing(&id.name, &wants);
    if lines.is_empty() {
        return Ok(wants);
    }
    let name = id.name.clone();
    Err(AdmissionError::NotGranted { name, lines })
}

/// Whoever signed it said what it is for.
fn check_said(wants: &[Want], manifest: &Manifest) -> Result<(), TrustError> {
    let mut written = wants.iter().map(manifest::Want::of);
    match written.find(|want| !manifest.wants.contains(want)) {
        None => Ok(()),
        Some(want) => Err(TrustError::Unsaid(format!("{} {}", want.kind, want.what))),
    }
}

fn wants(maker: &Maker) -> Result<Vec<Want>, AdmissionError> {
    let chance = Chance::seeded(b"admission");
    let ran = maker
        .run(chance, &Begun::now(), v0_1::provider::wants)
        .map_err(AdmissionError::Describe)?;
    v0_1::check::provider::wants(ran.value).map_err(|error| {
        AdmissionError::Description(match error {
            PluginError::BrokeContract(how) => how,
            other => other.to_string(),
        })
    })
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

/// A name as the contract wants it.
pub(super) fn is_kebab(name: &str) -> bool {
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
