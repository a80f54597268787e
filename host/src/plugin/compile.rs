//! From a component's bytes to native code, where it can be bounded.
//!
//! A compiler cannot be stopped from within: a component of a megabyte may be
//! built to take it minutes and gigabytes. So it runs in a [`child`] process of
//! this same binary, under limits of memory and processor time and a deadline,
//! and one that crashes, is killed or is too slow is a refusal like any other.
//! Where there is no such binary (a test, a program that embeds this library)
//! the same compiler runs on the caller's thread, without those bounds.
//!
//! The child bounds what compilation takes; it does not make the code that
//! comes back less trusted. That is [`Artifact`]'s to say.

pub(super) mod child;
mod worker;

use std::time::Duration;

use wasmtime::component::Component;

pub use self::child::Child;
pub use self::worker::{Job, work};
use super::fault;
use crate::subnet::plugin::World;

/// Why there is no native code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The compiler's own words about the component.
    Invalid(String),
    /// Past the deadline, or past its processor time.
    TooSlow(Duration),
    /// The compiler ended without an answer; how.
    Died(String),
    /// More native code than is accepted, in bytes.
    TooLarge(usize),
    /// There was no compiler to begin with.
    Unavailable(String),
}

/// Which engine the code is for: each compiles by its own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Policies and generators: fuel, and nothing left to the machine.
    Deterministic,
    /// Solvers: stopped by time.
    Effectful,
}

impl Class {
    /// The class of a world.
    pub fn of(world: World) -> Self {
        if super::engine::is_deterministic(world) {
            Self::Deterministic
        } else {
            Self::Effectful
        }
    }

    /// As it is handed to a child.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deterministic => "deterministic",
            Self::Effectful => "effectful",
        }
    }
}

/// Makes native code.
pub(super) trait Compiler: Send + Sync {
    /// Blocks for as long as it takes.
    fn compile(&self, class: Class, component: &[u8]) -> Result<Artifact, Failure>;
}

/// Where components are compiled.
#[derive(Debug, Clone, Default)]
pub enum Compilation {
    /// On the caller's thread, unbounded: for tests and embedding programs.
    #[default]
    InProcess,
    /// In a child process.
    Child(Child),
}

/// On the caller's thread, with an engine that runs nothing.
pub(super) struct InProcess;

impl Compiler for InProcess {
    fn compile(&self, class: Class, component: &[u8]) -> Result<Artifact, Failure> {
        worker::compile(class, component).map(Artifact)
    }
}

/// Native code that came from a compiler of ours a moment ago, or that the
/// cache has proven to be such by its MAC. Nothing else becomes one.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Takes the word of the caller, who has checked a MAC over these bytes.
    pub(super) fn authenticated(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Maps the code; `engine` checks that it was compiled by its own rules.
    pub(super) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "wasmtime trusts serialized code; only ours becomes an Artifact"
        )]
        // SAFETY: the bytes are what wasmtime's own serialization gave, here, in
        // a child of this binary, or in either and then authenticated under a
        // key that never leaves this host. They are in memory, so nobody can
        // change them between that check and this call.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}

/// The compiler's words, made safe to show.
fn invalid(error: &wasmtime::Error) -> Failure {
    Failure::Invalid(fault::chain(error))
}
