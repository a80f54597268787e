//! `host plugin list`

use clap::Args;

use crate::admin::PluginEntry;
use crate::cli::arguments::NodeArgs;
use crate::cli::exit::escape_lines;
use crate::cli::status::find;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::subnet::text::escape;

/// Show what is active, and what was refused and why.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let list = find(&self.node, world).await?.plugins().await?;
        if self.json {
            return print_json(world.out, &list);
        }
        let columns = ["plugin", "place", "version", "world", "digest", "from"].map(Column::Text);
        print(world.out, columns, list.plugins.iter().map(row))?;
        for refused in &list.refused {
            writeln!(
                world.out,
                "\nrefused for {}: {}: {}\n  {}",
                escape(&refused.slot),
                escape(&refused.origin),
                escape(&refused.refusal.reason),
                escape_lines(&refused.refusal.remedy)
            )?;
        }
        Ok(())
    }
}

fn row(plugin: &PluginEntry) -> [String; 6] {
    [
        plugin.id.name.clone(),
        plugin.place.clone(),
        plugin.id.version.clone(),
        plugin.world.to_string(),
        plugin.id.digest.to_string(),
        plugin.origin.clone(),
    ]
}
