//! Twelve words and the seed they stand for.
//!
//! Substrate's reading of BIP39: the seed is derived from the entropy, not from
//! the text, with an empty password, and its first half is the key.

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::wallet::WalletError;

/// Entropy of twelve words.
const ENTROPY_BYTES: usize = 16;
/// The longest phrase is 24 words of at most 8 letters.
const PHRASE_BYTES_MAX: usize = 24 * 9;

/// Twelve new words.
pub(super) fn generate() -> Result<Zeroizing<String>, WalletError> {
    let mut entropy = Zeroizing::new([0_u8; ENTROPY_BYTES]);
    getrandom::fill(entropy.as_mut()).map_err(|_| WalletError::NoRandomness)?;
    let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy.as_ref())
        .expect("16 bytes are an entropy of BIP39");
    Ok(Zeroizing::new(mnemonic.to_string()))
}

/// The seed of a phrase; `None` if a word or the checksum is wrong.
pub(super) fn seed(phrase: &str) -> Option<Zeroizing<[u8; 32]>> {
    if phrase.len() > PHRASE_BYTES_MAX {
        return None;
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, phrase).ok()?;
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
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(*one, *two);
        assert_eq!(one.split(' ').count(), 12);
        assert!(seed(&one).is_some());
    }
}
