//! `host plugin`: what a running node has loaded, and another in its place.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::admin::{PluginEntry, Swapped};
use crate::subnet::text::escape;

use super::arguments::NodeArgs;
use super::scaffold::New;
use super::status::find;
use super::table::{Column, print, print_object};
use super::trial::{Check, Run};
use super::{World, print_json, small_runtime};

/// List, inspect and swap the plugins of a running node.
///
/// A plugin is a WebAssembly component: a scoring policy, a challenge
/// generator or a challenge solver. The node has its own built in; another can
/// take the place of one while the node runs.
#[derive(Debug, Args)]
pub(super) struct Plugin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Inspect(Inspect),
    Swap(Swap),
    New(New),
    Run(Run),
    Check(Check),
}

/// Show what is active, and what was refused and why.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show everything about one active plugin: digest, settings, limits, use.
#[derive(Debug, Args)]
struct Inspect {
    /// Its name, as `host plugin list` shows it
    name: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Put another component in a plugin's place, while the node runs.
///
/// The node reads the file, checks it from end to end - that it is a component
/// of the right world, that it starts, that it accepts its settings - and only
/// then lets it take over. Calls and sessions under way finish on the old one.
/// Whatever fails, the old one stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin list
  host plugin swap score-compute ./my_policy.wasm --pin

Exit code 4 means that the component was refused; the reason and what to do are on stderr.")]
struct Swap {
    /// Whose place it takes, as `host plugin list` shows it
    name: String,
    /// The component, a .wasm file
    file: PathBuf,
    /// Approve exactly these bytes: their digest is recorded as yours
    #[arg(long)]
    pin: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Plugin {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let runtime = small_runtime()?;
        match self.action {
            Action::List(list) => runtime.block_on(list.execute(world)),
            Action::Inspect(inspect) => runtime.block_on(inspect.execute(world)),
            Action::Swap(swap) => runtime.block_on(swap.execute(world)),
            Action::New(new) => new.execute(world),
            Action::Run(run) => run.execute(world),
            Action::Check(check) => check.execute(world),
        }
    }
}

impl List {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let plugins = find(&self.node, world).await?.plugins().await?;
        if self.json {
            return print_json(world.out, &plugins);
        }
        let columns = ["plugin", "version", "world", "digest", "from"].map(Column::Text);
        print(world.out, columns, plugins.iter().map(row))?;
        for plugin in &plugins {
            if let Some(refusal) = &plugin.refusal {
                writeln!(
                    world.out,
                    "\nrefused for {}: {}\n  {}",
                    escape(&plugin.id.name),
                    escape(&refusal.reason),
                    escape(&refusal.remedy)
                )?;
            }
        }
        Ok(())
    }
}

fn row(plugin: &PluginEntry) -> [String; 5] {
    [
        plugin.id.name.clone(),
        plugin.id.version.clone(),
        plugin.world.to_string(),
        plugin.id.digest.to_string(),
        plugin.origin.clone(),
    ]
}

impl Inspect {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let client = find(&self.node, world).await?;
        let plugin = client.inspect(&self.name).await?;
        if self.json {
            return print_json(world.out, &plugin);
        }
        Ok(print_object(world.out, &plugin)?)
    }
}

impl Swap {
    async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let file = std::path::absolute(&self.file)
            .with_context(|| format!("{} is no path", self.file.display()))?;
        let client = find(&self.node, world).await?;
        let swapped = client.swap(&self.name, &file, self.pin).await?;
        if self.json {
            return print_json(world.out, &swapped);
        }
        Ok(report(world.out, &swapped)?)
    }
}

fn report(out: &mut dyn std::io::Write, swapped: &Swapped) -> std::io::Result<()> {
    let new = &swapped.new;
    writeln!(
        out,
        "{} {} is active",
        escape(&new.name),
        escape(&new.version)
    )?;
    if let Some(old) = &swapped.old {
        writeln!(
            out,
            "  old  {} {} {}",
            old.digest,
            escape(&old.name),
            escape(&old.version)
        )?;
    }
    writeln!(
        out,
        "  new  {} {} {}",
        new.digest,
        escape(&new.name),
        escape(&new.version)
    )?;
    writeln!(
        out,
        "What is under way finishes on the old one; new calls take the new one."
    )
}
