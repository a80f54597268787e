//! Why a component does not take over: what happened, why, and what to do.

use std::time::Duration;

use super::shape::WORLDS;
use crate::plugin::trust::TrustError;
use crate::plugin::v0_1;
use crate::subnet::difference::Difference;
use crate::subnet::plugin::{PluginError, World};

/// A refusal; [`AdmissionError::remedy`] says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// Not read at all.
    #[error("the file has {bytes} bytes, at most {max} are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// Something else altogether.
    #[error("this is not WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// WebAssembly without types.
    #[error("this is a core WebAssembly module, not a component")]
    CoreModule,
    /// Cut off, damaged, or of features that are off here.
    #[error("the component does not compile: {0}")]
    Malformed(String),
    /// It was built, or happens, to take a compiler too long.
    #[error("compiling it took longer than {} ms, and was given up", .0.as_millis())]
    CompilerTooSlow(Duration),
    /// The compiler ran out of its memory on it, or broke.
    #[error(
        "compiling it ended the compiler ({0}): it needs more memory than a compiler may have, or broke it"
    )]
    CompilerDied(String),
    /// It compiles to far more than it is.
    #[error("it compiles to more than {0} bytes of native code")]
    CodeTooLarge(usize),
    /// It would take more room in the pool than any plugin has.
    #[error("it consists of more than any plugin here may: {0}")]
    TooManyParts(String),
    /// Not the component's fault.
    #[error("this machine could not compile it: {0}")]
    Compiler(String),
    /// A component of something else.
    #[error("this is no plugin: it exports {exports}, and none of `compute:subnet`'s roles")]
    NotAPlugin {
        /// What it exports.
        exports: String,
    },
    /// More than one world at once.
    #[error("it exports {0}: a plugin targets exactly one world")]
    SeveralWorlds(String),
    /// Built against a contract this node does not speak.
    #[error("it exports `{found}`; this node speaks `{nearest}`")]
    OtherGeneration {
        /// Its export.
        found: String,
        /// The nearest this node knows.
        nearest: String,
    },
    /// An adapter that its operator did not grant what it asks for.
    #[error("{name} wants what it was not granted")]
    NotGranted {
        /// The adapter.
        name: String,
        /// Configuration that would grant it, line by line.
        lines: Vec<String>,
    },
    /// There is no policy on trial.
    #[error("no policy is on trial")]
    NoShadow,
    /// There is no way back.
    #[error("nothing was active as `{0}` before")]
    NothingBefore(String),
    /// A deterministic world's component that is not.
    #[error("it answers the same question in two ways; at {at} {one}, then {two}")]
    Unsteady {
        /// The first place where they part.
        at: String,
        /// The first answer.
        one: String,
        /// The second.
        two: String,
    },
    /// It fails on what it would be asked next.
    #[error("tried on {on}, it {error}")]
    Rehearsal {
        /// What it was tried on.
        on: String,
        /// What it came to.
        error: PluginError,
    },
    /// An import outside its world.
    #[error("it imports `{import}`, which a {world} may not have")]
    ForbiddenImport {
        /// In full.
        import: String,
        /// Its world.
        world: World,
    },
    /// An import whose functions or types do not fit.
    #[error("as a {world} it does not link: {why}")]
    Import {
        /// Its world.
        world: World,
        /// wasmtime's words, which name interface and function.
        why: String,
    },
    /// The other interface of its world is not there.
    #[error("a {world} exports `{export}`, and it does not")]
    MissingExport {
        /// Its world.
        world: World,
        /// In full.
        export: String,
    },
    /// An export whose functions or types do not fit.
    #[error("as a {world} its exports do not fit: {why}")]
    Export {
        /// Its world.
        world: World,
        /// Which interface, and wasmtime's words.
        why: String,
    },
    /// It failed before its first call.
    #[error("it could not be instantiated: it {0}")]
    Instantiate(#[source] PluginError),
    /// `describe` failed.
    #[error("asked to describe itself, it {0}")]
    Describe(#[source] PluginError),
    /// `describe` said something the contract forbids.
    #[error("its description breaks the contract: {0}")]
    Description(String),
    /// `check-settings` failed as a call.
    #[error("asked about its settings, it {0}")]
    CheckSettings(#[source] PluginError),
    /// `check-settings` said no.
    #[error("{name} does not accept its settings: {why}")]
    Settings {
        /// The plugin.
        name: String,
        /// Its own words, escaped.
        why: String,
    },
    /// The configuration gives it too much to read.
    #[error("the settings of {name} have {bytes} bytes, at most {max} are allowed")]
    SettingsTooLarge {
        /// The plugin.
        name: String,
        /// Names and values together.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// It would replace a plugin of another kind.
    #[error("`{slot}` is a {wanted}, and this is a {found}")]
    WrongWorld {
        /// What was to be swapped.
        slot: String,
        /// What it is.
        wanted: World,
        /// What came.
        found: World,
    },
    /// It would replace a plugin of another name.
    #[error("it describes itself as `{found}`, and `{slot}` was to be swapped")]
    WrongName {
        /// What was to be swapped.
        slot: String,
        /// What it says it is.
        found: String,
    },
    /// A miner asks by the solver's name, so only one may answer to it.
    #[error("`{}` is answered by {by} already", crate::subnet::text::escape(.solver))]
    SolverTaken {
        /// The name.
        solver: String,
        /// Whose it is.
        by: String,
    },
    /// Nobody whose word counts vouches for it.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// There is no such file.
    #[error("there is no file {0}")]
    NotThere(String),
    /// The file is there and cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// More than this node gives any plugin.
    #[error("its {limit} is to be {wanted}, and no plugin here may have more than {ceiling}")]
    AboveCeiling {
        /// As the configuration calls it.
        limit: &'static str,
        /// By its manifest or the configuration.
        wanted: u64,
        /// The operator's.
        ceiling: u64,
    },
    /// A data pack is a text that other programs can read too.
    #[error("it is no data pack: {0}")]
    NotData(String),
    /// One of the plugins that read it does not take it.
    #[error("{plugin} does not take it")]
    DataRefused {
        /// The plugin.
        plugin: String,
        /// Why not.
        #[source]
        why: Box<AdmissionError>,
    },
    /// This node has no use for its world.
    #[error("this node runs no {0}")]
    NotThisRole(World),
    /// As many as there may be.
    #[error("{0} plugins of this kind are active already")]
    TooManyActive(usize),
    /// Compilation or a first call took too long.
    #[error("admission took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// One at a time.
    #[error("another plugin is being admitted")]
    Busy,
    /// It was admitted, but cannot be remembered.
    #[error("the state folder does not take it: {0}")]
    State(String),
}

impl AdmissionError {
    /// Two answers that part somewhere.
    pub fn unsteady(parted: Difference) -> Self {
        Self::Unsteady {
            at: parted.at,
            one: parted.recorded,
            two: parted.now,
        }
    }

    /// Two answers that are the same and cost differently.
    pub fn unsteady_fuel(one: u64, two: u64) -> Self {
        Self::Unsteady {
            at: "fuel".to_owned(),
            one: one.to_string(),
            two: two.to_string(),
        }
    }

    fn compiler_remedy(&self) -> &'static str {
        match self {
            Self::CompilerTooSlow(_) => {
                "split its largest functions, or raise `engine.compile-cpu-s-max` and \
                 `engine.compile-timeout-ms`"
            }
            Self::CompilerDied(_) => {
                "split its largest functions, or raise `engine.compile-memory-mib-max`"
            }
            Self::TooManyParts(_) => "use fewer modules, memories and tables, or smaller ones",
            Self::CodeTooLarge(_) => "build with opt-level \"s\", lto and strip",
            _ => "check that this machine can start processes, and try again",
        }
    }

    /// What to do about it, in one line; after it, for [`Self::NotGranted`], the
    /// lines of configuration.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooLarge { .. } => {
                "build with opt-level \"s\", lto and strip, or raise `engine.component-mib-max`"
                    .into()
            }
            Self::NotWasm | Self::CoreModule => {
                "build with `cargo build --release --target wasm32-wasip2`, or wrap a core module \
                 with `wasm-tools component new`"
                    .into()
            }
            Self::Malformed(_) => {
                "check it with `wasm-tools validate`, and copy or build it again".into()
            }
            Self::CompilerTooSlow(_)
            | Self::CompilerDied(_)
            | Self::TooManyParts(_)
            | Self::CodeTooLarge(_)
            | Self::Compiler(_) => self.compiler_remedy().into(),
            Self::NotAPlugin { .. } | Self::SeveralWorlds(_) => {
                "target one world of wit/compute-subnet@0.1.0: scoring-policy, \
                 challenge-generator, challenge-solver or provider-adapter"
                    .into()
            }
            Self::OtherGeneration { nearest, .. } => {
                format!("build it against the WIT package of `{nearest}`")
            }
            Self::NotGranted { lines, .. } => format!(
                "if you trust it with that, add to the configuration:\n{}",
                lines.join("\n")
            ),
            Self::NoShadow => "put one on trial with `host plugin shadow <file>`".into(),
            Self::NothingBefore(_) => {
                "`host plugin history` shows what was; what is only on file comes back with \
                 `host plugin swap`"
                    .into()
            }
            Self::Rehearsal { .. } => {
                "mend it: try it with `host plugin run` and `host backtest`; to take it all the \
                 same, `host plugin swap` with --unrehearsed"
                    .into()
            }
            Self::Unsteady { .. } => {
                "let the answer depend on the arguments and settings alone".into()
            }
            Self::ForbiddenImport { import, .. } => forbidden_import_remedy(import),
            Self::Import { .. } | Self::Export { .. } | Self::MissingExport { .. } => {
                "build it against wit/compute-subnet@0.1.0 of this release".into()
            }
            Self::Instantiate(error) | Self::Describe(error) | Self::CheckSettings(error) => {
                trial_remedy(error)
            }
            Self::Description(_) => "mend what `describe` returns".into(),
            Self::Settings { name, .. } | Self::SettingsTooLarge { name, .. } => {
                format!("mend [plugins.{name}.settings] in the configuration")
            }
            _ => self.node_remedy(),
        }
    }

    /// The same, for what is a matter of the node and not of the component.
    fn node_remedy(&self) -> String {
        match self {
            Self::WrongWorld { .. } | Self::NotThisRole(_) => {
                "see `host plugin list` for what this node runs".into()
            }
            Self::WrongName { found, .. } => format!("host plugin swap {found} <file> --pin"),
            Self::Untrusted(error) => error.remedy(),
            Self::NotThere(_) => "check the path: the node reads the file itself".into(),
            Self::Unreadable(_) => "give the node a regular file that it may read".into(),
            Self::AboveCeiling { limit, wanted, .. } => {
                format!("ask for less, or raise `engine.ceiling.{limit}` to {wanted}")
            }
            Self::NotData(_) => "a data pack is one TOML or JSON document in UTF-8".into(),
            Self::DataRefused { why, .. } => why.remedy(),
            Self::SolverTaken { by, .. } => {
                format!("give the solver another name, or swap {by} itself")
            }
            Self::TooManyActive(_) => "swap one of them instead".into(),
            Self::TimedOut(_) | Self::Busy => "try again in a minute".into(),
            _ => "check the state folder's space and permissions".into(),
        }
    }
}

fn forbidden_import_remedy(import: &str) -> String {
    if import.starts_with("wasi:") {
        return "leave out what needs it (files, sockets, HTTP): for Python build with --stub-wasi, \
                for JavaScript with --disable http"
            .into();
    }
    let Some(interface) = import
        .strip_prefix(v0_1::PACKAGE)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.split('@').next())
    else {
        return "import nothing but WASI and what its world in wit/compute-subnet@0.1.0 names"
            .into();
    };
    let may = |world: &&World| v0_1::imports(**world).contains(&interface);
    if let Some(world) = WORLDS.iter().find(may) {
        return format!("only a {world} may import it: target that world, or leave it out");
    }
    let interfaces = WORLDS.iter().flat_map(|world| v0_1::imports(*world));
    let nearest = interfaces.min_by_key(|known| strsim::levenshtein(known, interface));
    format!(
        "the nearest that there is: `{}/{}@{}`",
        v0_1::PACKAGE,
        nearest.unwrap_or(&"types"),
        v0_1::VERSION
    )
}

fn trial_remedy(error: &PluginError) -> String {
    match error {
        PluginError::OutOfMemory(_) => "use less memory, or raise memory_bytes_max".into(),
        PluginError::OutOfFuel(_) => "do less before the first call".into(),
        _ => "try it with `host plugin run` and read its log".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_of_another_world_names_the_world_and_a_mistyped_one_the_nearest() {
        let remedy = forbidden_import_remedy;
        assert!(remedy("compute:subnet/accelerator@0.1.0").contains("challenge-solver"));
        assert!(remedy("compute:subnet/secretss@0.1.0").contains("compute:subnet/settings@0.1.0"));
        assert!(remedy("wasi:sockets/tcp@0.2.6").contains("--stub-wasi"));
        assert!(remedy("env").contains("nothing but WASI"));
    }
}
