//! `host plugin inspect`

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::cli::arguments::NodeArgs;
use crate::cli::status::find;
use crate::cli::table::{Column, print, print_object};
use crate::cli::{World, print_json};
use crate::subnet::text::escape;

/// Show everything about one active plugin: digest, settings, limits, use.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Its name, as `host plugin list` shows it
    name: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A limit, and what was used of it.
const LIMITS: [(&str, Option<&str>); 9] = [
    ("memory_bytes_max", Some("memory_bytes")),
    ("fuel_max", Some("fuel")),
    ("run_ms_max", None),
    ("wall_ms_max", Some("elapsed_us")),
    ("handed_over_bytes_max", Some("handed_over_bytes")),
    ("taken_bytes_max", Some("taken_bytes")),
    ("log_bytes_max", Some("log_bytes")),
    ("running_max", None),
    ("waiting_max", None),
];

impl Inspect {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let client = find(&self.node, world).await?;
        let mut plugin = client.inspect(&self.name).await?;
        if self.json {
            return print_json(world.out, &plugin);
        }
        let mut take = |field: &str| plugin.get_mut(field).map(Value::take).unwrap_or_default();
        let (limits, ceiling, mut used) = (take("limits"), take("ceiling"), take("used"));
        let (settings, manifest) = (take("settings"), take("manifest"));
        let out = &mut *world.out;
        print_object(out, &plugin["plugin"])?;
        section(out, "its publisher says")?;
        lines(out, &manifest)?;
        section(out, "settings")?;
        print_object(out, &settings)?;
        section(
            out,
            "limits, and what its calls used (elapsed in microseconds)",
        )?;
        print_limits(out, &limits, &ceiling, &used)?;
        section(out, "calls")?;
        for shown in LIMITS.iter().filter_map(|(_, figures)| *figures) {
            used.as_object_mut().map(|used| used.remove(shown));
        }
        print_object(out, &used)?;
        section(out, "history, newest first")?;
        lines(out, &plugin["history"])?;
        Ok(())
    }
}

fn section(out: &mut dyn Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n{title}")
}

fn lines(out: &mut dyn Write, list: &Value) -> io::Result<()> {
    for line in list.as_array().into_iter().flatten() {
        match line {
            Value::String(text) => writeln!(out, "{}", escape(text))?,
            other => writeln!(out, "{}", escape(&other.to_string()))?,
        }
    }
    Ok(())
}

fn print_limits(
    out: &mut dyn Write,
    limits: &Value,
    ceiling: &Value,
    used: &Value,
) -> io::Result<()> {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let rows = LIMITS.map(|(name, figures)| {
        let used = figures.map_or(&Value::Null, |figures| &used[figures]);
        [
            name.trim_end_matches("_max").replace('_', "-"),
            text(&limits[name]),
            text(&ceiling[name]),
            text(&used["last"]),
            text(&used["p99"]),
            text(&used["max"]),
        ]
    });
    let columns = [
        Column::Text("limit"),
        Column::Number("at most"),
        Column::Number("ceiling"),
        Column::Number("last"),
        Column::Number("p99"),
        Column::Number("max"),
    ];
    print(out, columns, rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugin::{Figures, Limits};

    #[test]
    fn every_limit_is_shown_beside_its_ceiling_and_its_use() {
        let limits = serde_json::to_value(Limits::default().policy).unwrap();
        let figures = Figures {
            last: 11,
            p99: 22,
            max: 33,
        };
        let used = serde_json::json!({ "fuel": figures });
        let mut out = Vec::new();
        print_limits(&mut out, &limits, &limits, &used).unwrap();
        let text = String::from_utf8(out).unwrap();
        for name in limits.as_object().unwrap().keys() {
            assert!(LIMITS.iter().any(|(limit, _)| limit == name), "{name}");
        }
        let fuel = text.lines().find(|line| line.starts_with("fuel")).unwrap();
        let words: Vec<&str> = fuel.split_whitespace().collect();
        assert_eq!(words[3..], ["11", "22", "33"]);
    }
}
