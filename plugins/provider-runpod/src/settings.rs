//! What the operator may choose.
//!
//! | key | default | meaning |
//! |-----|---------|---------|
//! | `gpu-types` | all | a list of Runpod's ids of cards: `NVIDIA GeForce RTX 4090` |
//! | `gpu-counts` | `1` | a list: how many cards a pod may have; one request each |
//! | `cloud` | `secure` | `secure` for Runpod's own data centers, `community` for those of others |
//! | `data-centers` | all | a list of Runpod's ids: `US-KS-2` |
//! | `image` | `runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404` | for orders that name none; it must start an SSH server from `PUBLIC_KEY` |
//! | `disk-gib` | 50 | the disk of a container, offered and ordered |
//! | `vcpus-per-gpu` | 4 | the least that a pod gets, offered and asked for |
//! | `memory-gib-per-gpu` | 16 | the same of main memory |
//! | `disk-micro-usd-per-gib-month` | 100000 | what Runpod bills for disk |
//! | `login` | `root` | who logs in |
//! | `credential` | `runpod` | the name of the credential: an API key, as bearer |
//! | `endpoint` | `https://api.runpod.io` | where the API is |
//! | `timeout-ms` | 30000 | for each request |

use plugin_settings::Table;
use provider_kit::{Want, http::check_origin, list::list, money};

const KEYS: [&str; 13] = [
    "gpu-types",
    "gpu-counts",
    "cloud",
    "data-centers",
    "image",
    "disk-gib",
    "vcpus-per-gpu",
    "memory-gib-per-gpu",
    "disk-micro-usd-per-gib-month",
    "login",
    "credential",
    "endpoint",
    "timeout-ms",
];
/// Each count is a request of its own.
const GPU_COUNTS_MAX: usize = 8;
const GPU_COUNT_MAX: u32 = 16;

/// The settings, read and found to make sense together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Empty for all.
    pub(crate) gpu_types: Vec<String>,
    pub(crate) gpu_counts: Vec<u32>,
    pub(crate) cloud: Cloud,
    /// Empty for all.
    pub(crate) data_centers: Vec<String>,
    pub(crate) image: String,
    pub(crate) disk_gib: u64,
    pub(crate) vcpus_per_gpu: u32,
    pub(crate) memory_gib_per_gpu: u32,
    /// Of the whole disk.
    pub(crate) disk_micro_usd_per_hour: u64,
    pub(crate) login: String,
    pub(crate) credential: String,
    pub(crate) endpoint: String,
    pub(crate) timeout_ms: u32,
}

/// Whose machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    Secure,
    Community,
}

impl Cloud {
    /// As the API has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Secure => "SECURE",
            Self::Community => "COMMUNITY",
        }
    }
}

impl Settings {
    /// Reads the plugin's table, and says in one line what is wrong with it.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let table = Table::new(pairs, &KEYS)?;
        let disk_gib = table.number("disk-gib", 50, 1..=16_384)?;
        let month = table.number("disk-micro-usd-per-gib-month", 100_000, 0..=100_000_000)?;
        let text = |key: &str, default: &str| table.text(key).unwrap_or(default).to_owned();
        let endpoint = text("endpoint", "https://api.runpod.io");
        check_origin("endpoint", &endpoint)?;
        let clouds = [("secure", Cloud::Secure), ("community", Cloud::Community)];
        Ok(Self {
            gpu_types: texts(table, "gpu-types")?,
            gpu_counts: counts(table)?,
            cloud: table.choice("cloud", &clouds)?,
            data_centers: texts(table, "data-centers")?,
            image: text("image", "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"),
            disk_gib,
            vcpus_per_gpu: table.number("vcpus-per-gpu", 4, 1..=256)?,
            memory_gib_per_gpu: table.number("memory-gib-per-gpu", 16, 1..=4_096)?,
            disk_micro_usd_per_hour: money::per_hour(month * disk_gib),
            login: text("login", "root"),
            credential: text("credential", "runpod"),
            endpoint,
            timeout_ms: table.number("timeout-ms", 30_000, 1_000..=60_000)?,
        })
    }

    pub(crate) fn wants(&self) -> Vec<Want> {
        vec![
            Want::HttpOrigin(self.endpoint.clone()),
            Want::Credential(self.credential.clone()),
        ]
    }
}

fn texts(table: Table<'_>, key: &str) -> Result<Vec<String>, String> {
    table
        .text(key)
        .map_or_else(|| Ok(Vec::new()), |text| list(key, text))
}

fn counts(table: Table<'_>) -> Result<Vec<u32>, String> {
    let wrong = |text: &str| {
        format!(
            "gpu-counts is {text:?}; it must be up to {GPU_COUNTS_MAX} numbers from 1 to {GPU_COUNT_MAX}"
        )
    };
    let Some(text) = table.text("gpu-counts") else {
        return Ok(vec![1]);
    };
    // An array of numbers reaches a plugin as JSON too.
    let entries = list("gpu-counts", text.trim_matches(['[', ']']))?;
    let count = |entry: &String| entry.trim_matches('"').parse::<u32>().ok();
    let counts: Option<Vec<u32>> = entries.iter().map(count).collect();
    let mut counts = counts.ok_or_else(|| wrong(text))?;
    counts.sort_unstable();
    counts.dedup();
    let fits = counts.len() <= GPU_COUNTS_MAX
        && counts
            .iter()
            .all(|count| (1..=GPU_COUNT_MAX).contains(count));
    fits.then_some(counts).ok_or_else(|| wrong(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use provider_kit::testing::table;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(&table(pairs))
    }

    #[test]
    fn an_empty_table_means_the_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.gpu_counts, [1]);
        assert_eq!(settings.disk_micro_usd_per_hour, 6_850);
        let wants = [
            Want::HttpOrigin("https://api.runpod.io".into()),
            Want::Credential("runpod".into()),
        ];
        assert_eq!(settings.wants(), wants);
    }

    #[test]
    fn counts_are_an_array_or_words() {
        assert_eq!(read(&[("gpu-counts", "[8,1]")]).unwrap().gpu_counts, [1, 8]);
        assert_eq!(read(&[("gpu-counts", "2, 2")]).unwrap().gpu_counts, [2]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, value) in [
            ("gpu-counts", "0"),
            ("gpu-counts", "many"),
            ("gpu-counts", "1,2,3,4,5,6,7,8,9"),
            ("cloud", "mine"),
            ("gpu-types", "a,,b"),
            ("disk-gib", "0"),
            ("endpoint", "api.runpod.io"),
            ("timeout-ms", "1"),
        ] {
            assert!(
                read(&[(key, value)]).unwrap_err().starts_with(key),
                "{key} = {value}"
            );
        }
        assert!(read(&[("gpus", "1")]).unwrap_err().contains("gpu-types"));
    }
}
