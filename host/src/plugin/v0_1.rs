//! `compute:subnet@0.1`: generated bindings, and the way up from them.
//!
//! Nothing outside this folder sees a generated type. [`convert`] turns the
//! words of [`crate::subnet`] into the contract's; [`check`] turns a guest's
//! answers into the subnet's, and refuses what the contract forbids.
//!
//! A second generation is a folder `wit/compute-subnet@0.2.0` and a module `v0_2`
//! beside this one, with the same face: `imports`, `role_export`, the two `link_*`,
//! `describe`, `check_settings`, `Exports`, and a `Policy`, `Generator` and `Solver`
//! behind the subnet's traits. Which one speaks to a component is decided once, in
//! `admission/shape.rs`, by the version in the names of its exports; both are linked
//! from then on by what `Compiled` remembers. 0.1 keeps its bindings untouched and
//! is served for as long as the release notes say.

pub(super) mod check;
pub(super) mod convert;
mod exports;
pub(super) mod generator;
pub(super) mod host;
mod http;
mod machine;
pub(super) mod policy;
pub(super) mod provider;
mod size;
pub(super) mod solver;

use std::time::Instant;

use wasmtime::component::{HasSelf, Instance, Linker};
use wasmtime::{AsContextMut, Store};

pub(super) use self::exports::Exports;
use super::call::Loaded;
use super::guest::Guest;
use crate::subnet::plugin::{Called, PluginError, World};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub(super) mod bindings {
    //! One host world with everything in it: the interfaces of the contract's
    //! four worlds share their types, and a component is asked only for those
    //! of its own.
    wasmtime::component::bindgen!({
        path: "../wit/compute-subnet@0.1.0",
        inline: "
            package compute:host;
            world host {
                import compute:subnet/settings@0.1.0;
                import compute:subnet/log@0.1.0;
                import compute:subnet/accelerator@0.1.0;
                import compute:subnet/http@0.1.0;
                import compute:subnet/machine@0.1.0;
                export compute:subnet/plugin@0.1.0;
                export compute:subnet/scoring@0.1.0;
                export compute:subnet/challenge@0.1.0;
                export compute:subnet/solver@0.1.0;
                export compute:subnet/provider@0.1.0;
            }
        ",
        world: "compute:host/host",
        imports: { default: trappable },
        with: {
            "compute:subnet/accelerator.proof": crate::plugin::v0_1::host::HeldProof,
        },
    });
}

/// The package, and the versions of it that this generation speaks.
pub(super) const PACKAGE: &str = "compute:subnet";
/// The version the host was built with; any 0.1.z is spoken.
pub(super) const VERSION: &str = "0.1.0";

/// The interfaces `world` may import, beside WASI.
pub(super) fn imports(world: World) -> &'static [&'static str] {
    match world {
        World::ScoringPolicy | World::ChallengeGenerator => &["types", "settings", "log"],
        World::ChallengeSolver => &["types", "settings", "log", "accelerator"],
        World::ProviderAdapter => &["types", "settings", "log", "http", "machine"],
    }
}

/// The interface that only `world` exports.
pub(super) fn role_export(world: World) -> &'static str {
    match world {
        World::ScoringPolicy => "scoring",
        World::ChallengeGenerator => "challenge",
        World::ChallengeSolver => "solver",
        World::ProviderAdapter => "provider",
    }
}

/// Links what the two deterministic worlds import, and the others beside more.
pub(super) fn link_deterministic(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use bindings::compute::subnet::{log, settings, types};
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    settings::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// Links what solvers import.
pub(super) fn link_solver(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    link_deterministic(linker)?;
    bindings::compute::subnet::accelerator::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| {
        guest
    })
}

/// Links what provider adapters import.
pub(super) fn link_provider(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use bindings::compute::subnet::{http, machine};
    link_deterministic(linker)?;
    http::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    machine::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// What a plugin says of itself, as it says it.
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) summary: String,
}

/// Asks `instance` what it is.
pub(super) fn describe(
    exports: &Exports,
    store: &mut Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<Description> {
    let plugin = exports.plugin.load(store.as_context_mut(), instance)?;
    let told = plugin.call_describe(store)?;
    Ok(Description {
        name: told.name,
        version: told.version,
        summary: told.summary,
    })
}

/// Asks `instance` what is wrong with its settings.
pub(super) fn check_settings(
    exports: &Exports,
    store: &mut Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<Result<(), String>> {
    let plugin = exports.plugin.load(store.as_context_mut(), instance)?;
    plugin.call_check_settings(store)
}

/// A guest's answer, read and checked: its own error, or one of the contract's.
fn read<T, U>(
    plugin: &Loaded,
    started: Instant,
    called: Result<Called<Result<T, String>>, PluginError>,
    check: impl FnOnce(T) -> Result<U, PluginError>,
) -> Result<Called<U>, PluginError> {
    let read = called.and_then(|called| {
        Ok(Called {
            value: answered(called.value, check)?,
            fuel: called.fuel,
            memory_bytes: called.memory_bytes,
            elapsed: called.elapsed,
        })
    });
    plugin.count(&read, started.elapsed());
    read
}

/// What a guest gave, checked; its own error in its own words.
fn answered<T, U>(
    given: Result<T, String>,
    check: impl FnOnce(T) -> Result<U, PluginError>,
) -> Result<U, PluginError> {
    check(given.map_err(|why| PluginError::Failed(check::words(why)))?)
}
