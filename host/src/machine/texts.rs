//! Texts that the machine reports of itself, made fit to send.
//!
//! Names come from firmware and drivers, and go to strangers: control
//! characters become spaces, runs of spaces one, and the length is bounded.

use crate::subnet::hardware::Label;

/// The longest text in a description, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 128;

/// `text` without control characters, doubled spaces or too long an end.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !cleaned.is_empty() {
            cleaned.push(' ');
        }
        cleaned.push_str(word);
        if cleaned.len() > TEXT_BYTES_MAX {
            break;
        }
    }
    cleaned.truncate(cleaned.floor_char_boundary(TEXT_BYTES_MAX));
    cleaned
}

/// A label, unless its value is unknown or empty.
pub(super) fn label(name: &str, value: Option<&str>) -> Option<Label> {
    let value = clean(value?);
    (!value.is_empty()).then(|| Label {
        name: name.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_loses_its_padding_and_its_escape_codes() {
        assert_eq!(
            clean("  Intel(R)\u{1b}[2J   Xeon(R)\r\n"),
            "Intel(R) [2J Xeon(R)"
        );
    }

    #[test]
    fn an_unknown_or_empty_value_makes_no_label() {
        assert_eq!(label("kernel", None), None);
        assert_eq!(label("kernel", Some(" \n")), None);
        assert_eq!(label("kernel", Some("6.1")).unwrap().value, "6.1");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_longer_than_allowed_or_has_control_characters(text in "\\PC{0,400}|.{0,400}") {
            let cleaned = clean(&text);
            proptest::prop_assert!(cleaned.len() <= TEXT_BYTES_MAX);
            proptest::prop_assert!(!cleaned.chars().any(char::is_control));
        }
    }
}
