//! Why a component does not take over: what happened, why, and what to do.

use std::time::Duration;

use crate::subnet::plugin::{Digest, PluginError, World};

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
    /// A world that this build cannot run.
    #[error("it is a provider-adapter; this build has no providers yet")]
    NoProviders,
    /// A deterministic world's component that is not.
    #[error("it answers the same question in two ways: {one}, then {two}")]
    Unsteady {
        /// The first answer.
        one: String,
        /// The second.
        two: String,
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
    /// Nobody vouched for it.
    #[error("nobody approved {0}")]
    NotApproved(Digest),
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
    /// What to do about it, in one line.
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
            Self::NotAPlugin { .. } | Self::SeveralWorlds(_) => {
                "target one world of wit/compute-subnet@0.1.0: scoring-policy, \
                 challenge-generator or challenge-solver"
                    .into()
            }
            Self::OtherGeneration { nearest, .. } => {
                format!("build it against the WIT package of `{nearest}`")
            }
            Self::NoProviders => "wait for a release that lists providers".into(),
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
            Self::WrongWorld { .. } | Self::NotThisRole(_) => {
                "see `host plugin list` for what this node runs".into()
            }
            Self::WrongName { found, .. } => format!("host plugin swap {found} <file> --pin"),
            Self::NotApproved(digest) => {
                format!("if you trust it, add --pin: it records {digest} as your approval")
            }
            Self::SolverTaken { by, .. } => {
                format!("give the solver another name, or swap {by} itself")
            }
            Self::TooManyActive(_) => "swap one of them instead".into(),
            Self::TimedOut(_) | Self::Busy => "try again in a minute".into(),
            Self::State(_) => "check the state folder's space and permissions".into(),
        }
    }
}

fn forbidden_import_remedy(import: &str) -> String {
    if import.starts_with("wasi:") {
        "leave out what needs it (files, sockets, HTTP): for Python build with --stub-wasi, for \
         JavaScript with --disable http"
            .into()
    } else {
        "import nothing but WASI and what its world in wit/compute-subnet@0.1.0 names".into()
    }
}

fn trial_remedy(error: &PluginError) -> String {
    match error {
        PluginError::OutOfMemory(_) => "use less memory, or raise memory_bytes_max".into(),
        PluginError::OutOfFuel(_) => "do less before the first call".into(),
        _ => "try it with `host plugin run` and read its log".into(),
    }
}
