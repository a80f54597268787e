//! What the operator may choose.
//!
//! | key | default | meaning |
//! |-----|---------|---------|
//! | `instance-types` | all | a list of Lambda's names: `gpu_1x_a10` |
//! | `regions` | all | a list of Lambda's names: `us-west-1` |
//! | `image-family` | Lambda's default | another family of images |
//! | `login` | `ubuntu` | who logs in |
//! | `credential` | `lambda` | the name of the credential: an API key, as bearer |
//! | `endpoint` | `https://cloud.lambda.ai` | where the API is |
//! | `timeout-ms` | 20000 | for each request |

use plugin_settings::Table;
use provider_kit::{Want, http::check_origin, list::list};

const KEYS: [&str; 7] = [
    "instance-types",
    "regions",
    "image-family",
    "login",
    "credential",
    "endpoint",
    "timeout-ms",
];

/// The settings, read and found to make sense together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Empty for all.
    pub(crate) instance_types: Vec<String>,
    /// Empty for all.
    pub(crate) regions: Vec<String>,
    pub(crate) image_family: Option<String>,
    pub(crate) login: String,
    pub(crate) credential: String,
    pub(crate) endpoint: String,
    pub(crate) timeout_ms: u32,
}

impl Settings {
    /// Reads the plugin's table, and says in one line what is wrong with it.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let table = Table::new(pairs, &KEYS)?;
        let text = |key: &str, default: &str| table.text(key).unwrap_or(default).to_owned();
        let texts = |key: &str| {
            table
                .text(key)
                .map_or_else(|| Ok(Vec::new()), |text| list(key, text))
        };
        let endpoint = text("endpoint", "https://cloud.lambda.ai");
        check_origin("endpoint", &endpoint)?;
        Ok(Self {
            instance_types: texts("instance-types")?,
            regions: texts("regions")?,
            image_family: table.text("image-family").map(str::to_owned),
            login: text("login", "ubuntu"),
            credential: text("credential", "lambda"),
            endpoint,
            timeout_ms: table.number("timeout-ms", 20_000, 1_000..=60_000)?,
        })
    }

    pub(crate) fn wants(&self) -> Vec<Want> {
        vec![
            Want::HttpOrigin(self.endpoint.clone()),
            Want::Credential(self.credential.clone()),
        ]
    }
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
        let wants = [
            Want::HttpOrigin("https://cloud.lambda.ai".into()),
            Want::Credential("lambda".into()),
        ];
        assert_eq!(read(&[]).unwrap().wants(), wants);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, value) in [("regions", "a,,b"), ("endpoint", "x"), ("timeout-ms", "0")] {
            assert!(
                read(&[(key, value)]).unwrap_err().starts_with(key),
                "{key} = {value}"
            );
        }
        assert!(read(&[("region", "1")]).unwrap_err().contains("regions"));
    }
}
