//! Twelve to 24 words and the seed they stand for.
//!
//! Substrate's reading of BIP39: the seed is derived from the entropy, not from
//! the text, with an empty password, and its first half is the key.

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::wallet::WalletError;

/// The longest phrase, with room for more white space than anyone types: 24
/// words have at most 8 letters each.
const PHRASE_BYTES_MAX: usize = 24 * 16;

/// How many new words; more words hold more entropy, and twelve hold enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    /// 128 bits, as the ecosystem makes them.
    #[default]
    Twelve,
    /// 256 bits.
    TwentyFour,
}

/// New words.
pub(super) fn generate(words: Words) -> Result<Zeroizing<String>, WalletError> {
    let mut entropy = Zeroizing::new([0_u8; 32]);
    getrandom::fill(entropy.as_mut()).map_err(|_| WalletError::NoRandomness)?;
    let entropy = match words {
        Words::Twelve => &entropy[..16],
        Words::TwentyFour => &entropy[..],
    };
    let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy)
        .expect("16 and 32 bytes are entropies of BIP39");
    Ok(Zeroizing::new(mnemonic.to_string()))
}

/// The words as the checksum's maker wrote them: one space between each. `None`
/// for what is too long to be a phrase.
pub(super) fn normalized(text: &str) -> Option<Zeroizing<String>> {
    if text.len() > PHRASE_BYTES_MAX {
        return None;
    }
    let mut phrase = Zeroizing::new(String::with_capacity(text.len()));
    for word in text.split_whitespace() {
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
    Some(phrase)
}

/// The seed of a phrase; `None` if a word or the checksum is wrong.
pub(super) fn seed(phrase: &str) -> Option<Zeroizing<[u8; 32]>> {
    let phrase = normalized(phrase)?;
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &phrase).ok()?;
    let entropy = Zeroizing::new(mnemonic.to_entropy());
    let mini = substrate_bip39::mini_secret_from_entropy(&entropy, "").ok()?;
    Some(Zeroizing::new(mini.to_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_phrase_gives_the_seed_that_bittensor_gives() {
        let seed =
            seed("legal winner thank year wave sausage worth useful legal winner thank yellow")
                .unwrap();
        assert_eq!(
            hex::encode(*seed),
            "6fa2796b0071cac425d8a7851038318c2c37dcebfe4bae73197ce93e75909bd2"
        );
    }

    #[test]
    fn a_wrong_word_or_checksum_gives_nothing() {
        assert!(seed("legal winner thank").is_none());
        assert!(
            seed("legal legal legal legal legal legal legal legal legal legal legal legal")
                .is_none()
        );
        assert!(seed(&"legal ".repeat(1000)).is_none());
    }

    #[test]
    fn new_phrases_differ_and_can_be_read_back() {
        for (words, count) in [(Words::Twelve, 12), (Words::TwentyFour, 24)] {
            let (one, two) = (generate(words).unwrap(), generate(words).unwrap());
            assert_ne!(*one, *two);
            assert_eq!(one.split(' ').count(), count);
            assert!(seed(&one).is_some());
            assert_eq!(seed(&one.replace(' ', "  \n")), seed(&one));
        }
    }
}
