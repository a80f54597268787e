//! From an error to an exit code that scripts may rely on, and to words.

use std::io::{self, Write};

use crate::admin::AdminError;
use crate::config::{Missing, Problems};
use crate::plugin::{AdmissionError, TrustError};
use crate::subnet::chain::ChainError;
use crate::subnet::text::escape;

/// How the process ends. The numbers are a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something failed.
    Failure = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The chain cannot be reached, or said no.
    Chain = 3,
    /// A plugin was refused.
    Refused = 4,
    /// No node runs there.
    NotRunning = 5,
}

impl Exit {
    /// By the first error of the chain that has a code of its own.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(|cause| {
                if cause.is::<Problems>() || cause.is::<Missing>() || cause.is::<Usage>() {
                    return Some(Self::Usage);
                }
                if cause.is::<ChainError>() {
                    return Some(Self::Chain);
                }
                if cause.is::<AdmissionError>() || cause.is::<TrustError>() {
                    return Some(Self::Refused);
                }
                if cause.is::<NoAnswer>() {
                    return Some(Self::NotRunning);
                }
                match cause.downcast_ref::<AdminError>()? {
                    AdminError::Refused(_) => Some(Self::Refused),
                    AdminError::NotRunning(_) => Some(Self::NotRunning),
                    AdminError::Failed(_) | AdminError::Broken { .. } => None,
                }
            })
            .unwrap_or(Self::Failure)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Chain => 3,
            Exit::Refused => 4,
            Exit::NotRunning => 5,
        })
    }
}

/// Arguments that clap cannot know are wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Nobody answers where a node should.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(pub(super) String);

/// What happened, why, and what to do.
pub(super) fn explain(error: &anyhow::Error, err: &mut dyn Write) -> io::Result<()> {
    writeln!(err, "error: {error}")?;
    for cause in error.chain().skip(1) {
        writeln!(err, "  because: {cause}")?;
    }
    if let Some(remedy) = error.chain().find_map(remedy) {
        writeln!(err, "{remedy}")?;
    }
    Ok(())
}

fn remedy(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(refused) = cause.downcast_ref::<AdmissionError>() {
        return Some(refused.remedy());
    }
    if let Some(refused) = cause.downcast_ref::<TrustError>() {
        return Some(refused.remedy());
    }
    match cause.downcast_ref::<AdminError>()? {
        AdminError::Refused(refusal) => Some(escape_lines(&refusal.remedy)),
        AdminError::NotRunning(_) => {
            Some("start one with `host run`, or name another with --role or --state-folder".into())
        }
        AdminError::Failed(_) | AdminError::Broken { .. } => None,
    }
}

/// A remedy may be lines to paste: each is escaped, and stays a line.
pub(super) fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join("\n")
}

/// `host plugin list | head -1` is no failure.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_below_any_context() {
        let error = anyhow::Error::new(ChainError::Unreachable("ws://x".into())).context("no");
        assert_eq!(Exit::of(&error), Exit::Chain);
        assert_eq!(Exit::of(&anyhow::anyhow!("no")), Exit::Failure);
    }
}
