//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;

use super::value::Source;

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where; absent for what was never written.
    pub source: Option<Source>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    pub(super) fn of(source: Source, message: String) -> Self {
        Self {
            source: Some(source),
            message,
        }
    }

    pub(super) fn general(message: String) -> Self {
        Self {
            source: None,
            message,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Everything to put right before the node can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
