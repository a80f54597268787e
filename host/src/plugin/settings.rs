//! A plugin's settings: flat text, in order, with a digest.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::subnet::plugin::Digest;

/// Name to value, nested tables flattened to dotted keys and arrays to JSON.
pub type Settings = BTreeMap<String, String>;

/// Each plugin's settings, by the name it describes itself with.
pub type SettingsByPlugin = BTreeMap<String, Settings>;

/// SHA-256 over each name and value in order, both behind their length in
/// bytes as eight little-endian bytes.
pub(super) fn digest(settings: &Settings) -> Digest {
    let mut hasher = Sha256::new();
    for (name, value) in settings {
        for text in [name, value] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    Digest(hasher.finalize().into())
}

/// Names and values together, in bytes.
pub(super) fn size_bytes(settings: &Settings) -> usize {
    settings
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_letter_from_name_to_value_changes_the_digest() {
        let one = Settings::from([("ab".into(), "c".into())]);
        let two = Settings::from([("a".into(), "bc".into())]);
        assert_ne!(digest(&one), digest(&two));
    }

    #[test]
    fn no_settings_have_the_digest_of_nothing() {
        assert_eq!(
            digest(&Settings::new()).to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
