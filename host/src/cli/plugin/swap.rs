//! `host plugin swap`

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::admin::{Approval, Change, Swapped};
use crate::cli::arguments::NodeArgs;
use crate::cli::status::find;
use crate::cli::{World, print_json};
use crate::subnet::plugin::{Moment, Rehearsal};
use crate::subnet::text::escape;

/// Put another component or data pack in one's place, while the node runs.
///
/// The node reads the file and the manifest beside it, checks that somebody
/// vouches for it whom its configuration trusts, checks it from end to end - that
/// it is a component of the right world, that it starts, that it accepts its
/// settings, that a policy scores the last two epochs on record, twice alike - and
/// only then lets it take over. Calls and sessions under way finish on the old
/// one. Whatever fails, the old one stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin list
  host plugin swap score-compute ./my_policy.wasm          signed: my_policy.manifest beside it
  host plugin swap score-compute ./my_policy.wasm --pin    these bytes, on my own word
  host plugin swap score-compute ./my_policy.wasm --at-epoch 1200
  host plugin swap gpu-prices ./gpu-prices.toml            a data pack

Exit code 4 means that it was refused; the reason and what to do are on stderr.")]
pub(super) struct Swap {
    /// Whose place it takes, as `host plugin list` shows it
    name: String,
    /// The component, a .wasm file, or the data pack, .toml or .json
    file: PathBuf,
    /// Approve exactly these bytes: their digest is recorded as yours
    #[arg(long)]
    pin: bool,
    /// Take one that its publisher numbered lower than what was here
    #[arg(long, conflicts_with = "pin")]
    allow_downgrade: bool,
    /// Take a policy although it may fail on the epochs on record, or a generator on
    /// its first task
    #[arg(long)]
    unrehearsed: bool,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When a policy takes over.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub(super) struct When {
    /// Take over with this block; for a policy
    #[arg(long, value_name = "N")]
    at_block: Option<u64>,
    /// Take over with the beginning of this epoch; for a policy
    #[arg(long, value_name = "N")]
    at_epoch: Option<u64>,
}

impl When {
    /// The moment, unless it is now.
    pub(super) fn moment(self) -> Option<Moment> {
        let block = self.at_block.map(Moment::Block);
        block.or(self.at_epoch.map(Moment::Epoch))
    }
}

impl Swap {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let file = std::path::absolute(&self.file)
            .with_context(|| format!("{} is no path", self.file.display()))?;
        let approval = match (self.pin, self.allow_downgrade) {
            (true, _) => Approval::Pin,
            (false, true) => Approval::Downgrade,
            (false, false) => Approval::Signatures,
        };
        let rehearsal = match self.unrehearsed {
            true => Rehearsal::Waived,
            false => Rehearsal::Demanded,
        };
        let client = find(&self.node, world).await?;
        if let Some(moment) = self.when.moment() {
            let place = "upcoming".to_owned();
            client.swap(&place, &file, approval, rehearsal).await?;
            let change = Change::At { place, moment };
            let waits = client.change(change).await?.new;
            let (name, version) = (escape(&waits.name), escape(&waits.version));
            writeln!(world.out, "{name} {version} takes over at {moment}")?;
            return Ok(());
        }
        let swapped = client.swap(&self.name, &file, approval, rehearsal).await?;
        if self.json {
            return print_json(world.out, &swapped);
        }
        Ok(report(world.out, &swapped)?)
    }
}

fn report(out: &mut dyn Write, swapped: &Swapped) -> io::Result<()> {
    let new = &swapped.new;
    let (name, version) = (escape(&new.name), escape(&new.version));
    writeln!(out, "{name} {version} is active")?;
    if let Some(old) = &swapped.old {
        let (name, version) = (escape(&old.name), escape(&old.version));
        writeln!(out, "  old  {} {name} {version}", old.digest)?;
    }
    writeln!(out, "  new  {} {name} {version}", new.digest)?;
    writeln!(
        out,
        "What is under way finishes on the old one; new calls take the new one."
    )
}
