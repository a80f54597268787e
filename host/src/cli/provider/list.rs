//! `host provider list`

use clap::Args;
use serde_json::Value;

use crate::cli::arguments::NodeArgs;
use crate::cli::status::find;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json, small_runtime};

/// Show the active adapters of a running node: what each was granted, how it does.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let listed = small_runtime()?.block_on(async {
            let client = find(&self.node, world).await?;
            anyhow::Ok(client.providers().await?)
        })?;
        if self.json {
            return print_json(world.out, &listed);
        }
        let adapters = listed.as_array().map_or(&[][..], Vec::as_slice);
        if adapters.is_empty() {
            writeln!(
                world.out,
                "no adapter is active: name built-in ones in `miner.providers`, or bring one \
                 with `host plugin swap`"
            )?;
            return Ok(());
        }
        let columns = [
            Column::Text("adapter"),
            Column::Text("version"),
            Column::Text("from"),
            Column::Text("granted"),
            Column::Number("calls"),
            Column::Number("failed"),
            Column::Text("last error"),
        ];
        Ok(print(world.out, columns, adapters.iter().map(row))?)
    }
}

fn row(adapter: &Value) -> [String; 7] {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let granted = adapter["granted"].as_array().into_iter().flatten();
    let granted: Vec<String> = granted.map(text).collect();
    [
        text(&adapter["name"]),
        text(&adapter["version"]),
        text(&adapter["from"]),
        granted.join(", "),
        text(&adapter["calls"]),
        text(&adapter["failed"]),
        text(&adapter["last-error"]["text"]),
    ]
}
