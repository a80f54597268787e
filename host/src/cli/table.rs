//! Tables for people. Every cell is escaped: what is shown came from strangers.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table};

use crate::subnet::text::escape;

/// A column's heading, and whether its cells are numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// To the left.
    Text(&'static str),
    /// To the right.
    Number(&'static str),
}

/// Writes a table without lines, so that it can be cut and pasted.
pub(crate) fn print<const N: usize>(
    out: &mut dyn Write,
    columns: [Column; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let headings = columns.map(|column| match column {
        Column::Text(heading) | Column::Number(heading) => Cell::new(heading),
    });
    table.set_header(Row::from(headings));
    for row in rows {
        table.add_row(Row::from(row.map(|cell| Cell::new(escape(&cell)))));
    }
    for (column, kind) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if matches!(kind, Column::Number(_)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes an object as `key  value` lines, nested keys dotted.
pub(crate) fn print_object(out: &mut dyn Write, value: &serde_json::Value) -> io::Result<()> {
    let mut rows = Vec::new();
    flatten(value, String::new(), &mut rows);
    let width = rows.iter().map(|(key, _)| key.chars().count()).max();
    for (key, value) in rows {
        writeln!(out, "{key:<width$}  {value}", width = width.unwrap_or(0))?;
    }
    Ok(())
}

fn flatten(value: &serde_json::Value, path: String, rows: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(value, format!("{path}{dot}{}", escape(key)), rows);
            }
        }
        serde_json::Value::String(text) => rows.push((path, escape(text))),
        serde_json::Value::Null => rows.push((path, "-".to_owned())),
        other => rows.push((path, escape(&other.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn escape_codes_stay_out_of_a_table() {
        let mut out = Vec::new();
        let columns = [Column::Text("name"), Column::Number("points")];
        print(&mut out, columns, [["\u{1b}[2Jx".into(), "7".into()]]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("points"), "{text}");
    }

    #[test]
    fn an_object_becomes_aligned_lines() {
        let mut out = Vec::new();
        let value = serde_json::json!({ "role": "miner", "head": { "number": 7 } });
        print_object(&mut out, &value).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "head.number  7\nrole         miner\n"
        );
    }
}
