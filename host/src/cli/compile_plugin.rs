//! `host compile-plugin`: the whole life of a compiler's child process.
//!
//! Nobody types this: a node starts it, hands it a component over standard
//! input and reads native code from standard output. See `plugin`'s `compile`.

use std::io;

use clap::{Args, ValueEnum};

use crate::plugin::{Class, Job, work};

/// Compile one component for the node that started this process.
#[derive(Debug, Args)]
pub(super) struct CompilePlugin {
    class: Rules,
    component_bytes_max: usize,
    memory_bytes_max: u64,
    cpu_s_max: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rules {
    Deterministic,
    Effectful,
}

impl CompilePlugin {
    pub(super) fn execute(self, out: &mut dyn io::Write) -> anyhow::Result<()> {
        let job = Job {
            class: match self.class {
                Rules::Deterministic => Class::Deterministic,
                Rules::Effectful => Class::Effectful,
            },
            component_bytes_max: self.component_bytes_max,
            memory_bytes_max: self.memory_bytes_max,
            cpu_s_max: self.cpu_s_max,
        };
        Ok(work(&job, &mut io::stdin().lock(), out)?)
    }
}
