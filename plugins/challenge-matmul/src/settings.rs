//! What the operator may choose.
//!
//! | key | default | meaning |
//! |-----|---------|---------|
//! | `rows` | 16384 | rows of the left matrix: a power of two |
//! | `n` | 2048 | inner dimension: a multiple of 256 up to 16384 |
//! | `rounds` | 1 | products in the chain; enough that the work takes ten round trips |
//! | `cells` | 32 | cells opened in each round, of the same rows in all of them (k) |
//! | `device` | `auto` | `auto` for the miner's fastest, `cpu`, or a device number |
//! | `timeout-ms` | 60000 | for the work |
//! | `open-timeout-ms` | 20000 | for the openings |
//! | `full-grade-gops` | 1000 | thousand million operations a second that earn grade 1000; less earns in proportion |

use matmul_proof::{
    Shape,
    wire::{DEVICE_AUTO, DEVICE_CPU},
};
use plugin_settings::Table;

const TIMEOUT_MS_MAX: u32 = 120_000;
const DEVICES_MAX: u32 = 1_024;

/// The settings, read and found to make sense together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sizes of the job.
    pub shape: Shape,
    /// How many rows are opened.
    pub opened: u32,
    /// For the task.
    pub device: u32,
    /// Until the commitment.
    pub timeout_ms: u32,
    /// Until the openings.
    pub open_timeout_ms: u32,
    /// What earns the full grade.
    pub full_grade_gops: u32,
}

impl Settings {
    /// Reads the plugin's table, and says in one line what is wrong with it.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let table = Table::new(pairs, &KEYS)?;
        let shape = Shape::new(
            table.number("rows", 16_384, 1..=u32::MAX)?,
            table.number("n", 2_048, 1..=u32::MAX)?,
            table.number("rounds", 1, 1..=u32::MAX)?,
        )
        .map_err(|error| error.to_string())?;
        let opened = table.number("cells", 32, 1..=u32::MAX)?;
        shape
            .check_opened(opened)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            shape,
            opened,
            device: device(table)?,
            timeout_ms: table.number("timeout-ms", 60_000, 1..=TIMEOUT_MS_MAX)?,
            open_timeout_ms: table.number("open-timeout-ms", 20_000, 1..=TIMEOUT_MS_MAX)?,
            full_grade_gops: table.number("full-grade-gops", 1_000, 1..=u32::MAX)?,
        })
    }
}

const KEYS: [&str; 8] = [
    "rows",
    "n",
    "rounds",
    "cells",
    "device",
    "timeout-ms",
    "open-timeout-ms",
    "full-grade-gops",
];

fn device(table: Table<'_>) -> Result<u32, String> {
    match table.text("device") {
        None | Some("auto") => Ok(DEVICE_AUTO),
        Some("cpu") => Ok(DEVICE_CPU),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number < DEVICES_MAX)
            .ok_or_else(|| {
                format!("device is {text:?}; it must be auto, cpu or a number below {DEVICES_MAX}")
            }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let table: Vec<_> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Settings::read(&table)
    }

    #[test]
    fn an_empty_table_means_the_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.shape, Shape::new(16_384, 2_048, 1).unwrap());
        assert_eq!((settings.opened, settings.device), (32, DEVICE_AUTO));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, value) in [
            ("rows", "1000"),
            ("rows", "-1"),
            ("n", "100"),
            ("n", "32768"),
            ("rounds", "0"),
            ("cells", "0"),
            ("cells", "2000"),
            ("device", "gpu"),
            ("timeout-ms", "0"),
            ("timeout-ms", "1e3"),
            ("open-timeout-ms", "99999999"),
            ("full-grade-gops", "0"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert!(error.starts_with(key), "{key} = {value}: {error}");
        }
    }

    #[test]
    fn a_key_that_does_not_exist_is_refused_with_those_that_do() {
        let error = read(&[("row", "16")]).unwrap_err();
        assert!(error.contains("\"row\"") && error.contains("rows, n, rounds"));
    }

    #[test]
    fn openings_that_no_message_holds_are_refused_before_a_miner_is_asked() {
        let error = read(&[("n", "16384"), ("rounds", "64"), ("cells", "1")]).unwrap_err();
        assert!(error.contains("a message holds"), "{error}");
    }
}
