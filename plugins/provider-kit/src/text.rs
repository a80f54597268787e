//! Words of strangers, made fit for an error or a log line.

use sha2::{Digest, Sha256};

/// The most characters of a provider's own words that are repeated.
const SAID_CHARS_MAX: usize = 300;

/// A provider's words on one line, cut, without what a terminal would act on.
#[must_use]
pub fn said(words: &str) -> String {
    let clean = words
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let cut: String = clean.take(SAID_CHARS_MAX).collect();
    cut.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// 64 characters that stand for a text: its SHA-256 in hex.
#[must_use]
pub fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As part of a URL or a form: all but letters, digits and `-_.~` in percent form.
#[must_use]
pub fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_said_is_one_short_line() {
        assert_eq!(said("a\n\x1b[31mb  c"), "a [31mb c");
        assert_eq!(said(&"x".repeat(9_999)).len(), SAID_CHARS_MAX);
    }

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        assert_eq!(percent("a b&c=ü/~"), "a%20b%26c%3D%C3%BC%2F~");
    }
}
