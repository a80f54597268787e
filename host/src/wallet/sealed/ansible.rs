//! `$ANSIBLE_VAULT;1.1;AES256`: hexadecimal of three lines of hexadecimal: salt,
//! HMAC and AES-256-CTR text, with keys of PBKDF2-HMAC-SHA256.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Closed, Unreadable};
use crate::wallet::password::Password;

/// How such a file begins.
pub(super) const MAGIC: &[u8] = b"$ANSIBLE_VAULT";
/// The rest of the first line. Version 1.2 names a label after it.
const KNOWN: [&str; 2] = [";1.1;AES256", ";1.2;AES256;"];
/// PBKDF2's rounds.
const ROUNDS: u32 = 10_000;
/// AES pads to whole blocks.
const BLOCK_BYTES: usize = 16;
/// SHA-256's output.
const MAC_BYTES: usize = 32;

/// The three lines.
pub(in crate::wallet) struct Sealed {
    salt: Vec<u8>,
    mac: Vec<u8>,
    text: Vec<u8>,
}

impl Sealed {
    pub(super) fn parse(content: &[u8]) -> Result<Self, Unreadable> {
        let content = std::str::from_utf8(content)
            .map_err(|_| Unreadable::Malformed("an Ansible Vault holds ASCII alone"))?;
        let (header, body) = content.split_once('\n').ok_or(Unreadable::Truncated)?;
        let version = header.trim_end().strip_prefix("$ANSIBLE_VAULT");
        if !version.is_some_and(known) {
            return Err(Unreadable::Malformed(
                "it is an Ansible Vault of another version than 1.1 and 1.2",
            ));
        }
        let digits: String = body.split_whitespace().collect();
        let lines = unhex(digits.as_bytes())?;
        let mut lines = lines.split(|byte| *byte == b'\n');
        let mut line = || unhex(lines.next().ok_or(Unreadable::Truncated)?);
        let (salt, mac, text) = (line()?, line()?, line()?);
        if mac.len() < MAC_BYTES || text.is_empty() || text.len() % BLOCK_BYTES != 0 {
            return Err(Unreadable::Truncated);
        }
        Ok(Self { salt, mac, text })
    }

    pub(super) fn open(&self, password: &Password) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let mut keys = Zeroizing::new([0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.bytes(), &self.salt, ROUNDS, keys.as_mut());
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&keys[32..64]).expect("HMAC takes a key of any length");
        mac.update(&self.text);
        mac.verify_slice(&self.mac)
            .map_err(|_| Closed::WrongPassword)?;
        let mut plain = Zeroizing::new(self.text.clone());
        Ctr128BE::<Aes256>::new(keys[..32].into(), keys[64..].into()).apply_keystream(&mut plain);
        unpad(&mut plain).ok_or(Closed::WrongPassword)?;
        Ok(plain)
    }
}

fn known(version: &str) -> bool {
    version == KNOWN[0] || version.starts_with(KNOWN[1])
}

fn unhex(digits: &[u8]) -> Result<Vec<u8>, Unreadable> {
    if digits.len() % 2 == 1 {
        return Err(Unreadable::Truncated);
    }
    hex::decode(digits).map_err(|_| {
        Unreadable::Malformed("an Ansible Vault holds hexadecimal digits after its first line")
    })
}

/// Takes PKCS #7's padding off; `None` if there is none.
fn unpad(plain: &mut Vec<u8>) -> Option<()> {
    let count = *plain.last()?;
    let left = plain.len().checked_sub(usize::from(count))?;
    let padded = (1..=16).contains(&count) && plain[left..].iter().all(|byte| *byte == count);
    padded.then(|| plain.truncate(left))
}
