//! The child's half: bounds itself, reads a component, writes native code.
//!
//! Over standard input the component, to its end. Over standard output one
//! byte, [`CODE`] or [`REFUSAL`], and then native code or the compiler's words.

use std::io::{self, Read, Write};
use std::thread;

use super::{Class, Failure, invalid};
use crate::plugin::engine;

/// What follows is native code.
pub(super) const CODE: u8 = b'C';
/// What follows says why there is none.
pub(super) const REFUSAL: u8 = b'R';
/// Compilation of a large component takes deep recursion.
const STACK_BYTES: usize = 8 << 20;
/// How much less a compilation counts than a call.
const NICENESS: i32 = 5;

/// What a child is asked for.
#[derive(Debug, Clone)]
pub struct Job {
    /// Compiled by whose rules.
    pub class: Class,
    /// The longest component it reads.
    pub component_bytes_max: usize,
    /// Its address space.
    pub memory_bytes_max: u64,
    /// Its processor time.
    pub cpu_s_max: u64,
}

/// Does one job and returns; what the component is to blame for is an answer,
/// not an error.
pub fn work(job: &Job, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    confine(job)?;
    let mut component = Vec::new();
    input
        .take(job.component_bytes_max as u64 + 1)
        .read_to_end(&mut component)?;
    if component.len() > job.component_bytes_max {
        return answer(output, REFUSAL, b"longer than was announced");
    }
    let class = job.class;
    let compiled = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || compile(class, &component))?
        .join()
        .map_err(|_| io::Error::other("the compiler panicked"))?;
    match compiled {
        Ok(code) => answer(output, CODE, &code),
        Err(Failure::Invalid(words)) => answer(output, REFUSAL, words.as_bytes()),
        Err(other) => Err(io::Error::other(format!("{other:?}"))),
    }
}

fn answer(output: &mut dyn Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&[kind])?;
    output.write_all(bytes)?;
    output.flush()
}

/// The process bounds itself, before it has read a byte of the component; what
/// it gives up here it cannot take back.
fn confine(job: &Job) -> io::Result<()> {
    use rustix::process::Resource;
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, job.cpu_s_max)?;
    limit(Resource::As, job.memory_bytes_max)?;
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!("the compiler keeps its priority: {error}");
    }
    Ok(())
}

fn limit(resource: rustix::process::Resource, max: u64) -> io::Result<()> {
    let max = rustix::process::Rlimit {
        current: Some(max),
        maximum: Some(max),
    };
    Ok(rustix::process::setrlimit(resource, max)?)
}

/// With an engine that has the rules of `class` and no pool: it runs nothing.
pub(super) fn compile(class: Class, component: &[u8]) -> Result<Vec<u8>, Failure> {
    let engine = engine::for_compiling(class).map_err(|error| {
        let words = crate::plugin::fault::chain(&error);
        Failure::Unavailable(words)
    })?;
    engine
        .precompile_component(component)
        .map_err(|error| invalid(&error))
}
