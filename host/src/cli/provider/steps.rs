//! What was tried, one line each, as it happens.

use std::io::{self, Write};
use std::time::Instant;

use serde::Serialize;

use crate::subnet::text::escape;

/// Writes steps as they end; or keeps them, to be printed as JSON.
pub(super) struct Steps<'a> {
    out: &'a mut dyn Write,
    silent: bool,
    pub(super) done: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) ok: bool,
    pub(super) what: String,
    pub(super) elapsed_ms: u64,
}

impl<'a> Steps<'a> {
    pub(super) fn new(out: &'a mut dyn Write, silent: bool) -> Self {
        Self {
            out,
            silent,
            done: Vec::new(),
        }
    }

    /// A step that went well since `begun`.
    pub(super) fn well(
        &mut self,
        step: &'static str,
        begun: Instant,
        what: String,
    ) -> io::Result<()> {
        self.end(step, true, begun, what)
    }

    /// A step that did not; the error that ends the command comes from here too.
    pub(super) fn badly(
        &mut self,
        step: &'static str,
        begun: Instant,
        why: &dyn std::fmt::Display,
    ) -> anyhow::Error {
        let written = self.end(step, false, begun, why.to_string());
        match written {
            Ok(()) => anyhow::anyhow!("{step} failed"),
            Err(error) => error.into(),
        }
    }

    fn end(
        &mut self,
        step: &'static str,
        ok: bool,
        begun: Instant,
        what: String,
    ) -> io::Result<()> {
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !self.silent {
            let mark = if ok { "ok    " } else { "FAILED" };
            writeln!(
                self.out,
                "{mark}  {step:<10} {:>7} ms  {}",
                elapsed_ms,
                escape(&what)
            )?;
            self.out.flush()?;
        }
        self.done.push(Step {
            step,
            ok,
            what,
            elapsed_ms,
        });
        Ok(())
    }
}
