//! `host reload`: a running node reads its configuration again.

use std::io::{self, Write};

use clap::Args;

use super::arguments::NodeArgs;
use super::exit::Usage;
use super::status::find;
use super::{World, print_json, small_runtime};
use crate::admin::{AdminError, Refusal, Reloaded};
use crate::subnet::text::escape;

/// Have a running node read its configuration again.
///
/// What plugins are given, [trust], [guard] and log.level count at once; a change
/// of anything else is named and waits for the next start. A plugin that does not
/// take its new settings goes on with the old; one that nobody vouches for any
/// more gives way to the one before it. A mistake in the file changes nothing.
/// SIGHUP does the same, and tells the log.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 2 means that there is a mistake in the configuration, 4 that a plugin does not take it.")]
pub(super) struct Reload {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let reloaded = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            match client.reload().await {
                Err(AdminError::Failed(why)) => Err(Usage(why).into()),
                reloaded => Ok::<_, anyhow::Error>(reloaded?),
            }
        })?;
        match self.json {
            true => print_json(world.out, &reloaded)?,
            false => print(world.out, &reloaded)?,
        }
        if reloaded.refused.is_empty() {
            return Ok(());
        }
        Err(AdminError::Refused(Refusal {
            reason: reloaded.refused.join("; "),
            remedy:
                "mend the configuration and type `host reload`; until then they go on as before"
                    .to_owned(),
        })
        .into())
    }
}

fn print(out: &mut dyn Write, reloaded: &Reloaded) -> io::Result<()> {
    if *reloaded == Reloaded::default() {
        return writeln!(out, "nothing changed");
    }
    for (title, lines) in [
        ("counts now", &reloaded.live),
        ("plugins", &reloaded.done),
        ("needs a restart", &reloaded.waiting),
    ] {
        for line in lines {
            writeln!(out, "{title}: {}", escape(line))?;
        }
    }
    Ok(())
}
