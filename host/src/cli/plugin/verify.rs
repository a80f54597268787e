//! `host plugin verify`

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::cli::World;
use crate::cli::arguments::NodeArgs;
use crate::plugin::manifest::{Instant, Signed};
use crate::plugin::package::PackageSource as _;
use crate::plugin::{FileSource, Limits, judge};
use crate::subnet::text::escape;
use crate::subnet::trust::Trust;

/// Show what a file's manifest says, whose signatures are true, and whether this
/// node's configuration would let it in; exit code 4 if not.
///
/// Reads files only: no node need run, and nothing is compiled.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host plugin verify my_policy.wasm --config validator.toml")]
pub(super) struct Verify {
    /// The component, a .wasm file, or the data pack, .toml or .json
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

impl Verify {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = world.settings(&self.node)?;
        let trust = Trust {
            netuid: settings.netuid,
            ..settings.trust
        };
        let package = FileSource {
            path: self.file,
            bytes_max: Limits::default().component_bytes_max,
        }
        .fetch()?;
        writeln!(world.out, "digest  {}", package.digest)?;
        if let Some(signed) = &package.manifest {
            show(world.out, signed, &trust)?;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let counted = judge(&trust, &package, Instant(now))?;
        if counted.is_empty() {
            writeln!(world.out, "\nIts digest is pinned here.")?;
        } else {
            writeln!(
                world.out,
                "\n{} signatures count here: it is let in.",
                counted.len()
            )?;
        }
        Ok(())
    }
}

fn show(out: &mut dyn Write, signed: &Signed, trust: &Trust) -> io::Result<()> {
    let manifest = &signed.manifest;
    let text = manifest.text();
    writeln!(out)?;
    for line in text.lines() {
        writeln!(out, "{}", escape(line))?;
    }
    let rule = trust.rule(&manifest.name, manifest.subject);
    writeln!(out)?;
    for by in &signed.signatures {
        let truth = if by.is_true(text.as_bytes()) {
            "true "
        } else {
            "FALSE"
        };
        let standing = match rule {
            _ if trust.revoked_keys.contains(&by.key) => "revoked here",
            Some(rule) if rule.keys.contains(&by.key) => "counts here",
            _ => "unknown here",
        };
        writeln!(out, "{truth}  {}  {standing}", by.key)?;
    }
    Ok(())
}
