//! A workload's SSH host key, made before it starts, so that whoever logs in for
//! the first time knows already whom to expect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

const TYPE: &str = "ssh-ed25519";
/// How wide OpenSSH writes.
const COLUMNS: usize = 70;
/// What an unencrypted key is padded to.
const BLOCK: usize = 8;

/// A new Ed25519 host key.
pub(super) struct HostKey(SigningKey);

impl HostKey {
    /// Of the system's randomness.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut())?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// `ssh-ed25519 AAAA...`
    pub(super) fn public(&self) -> String {
        format!("{TYPE} {}", STANDARD.encode(self.blob()))
    }

    /// As `ssh-keygen` writes it without a password (OpenSSH's `PROTOCOL.key`).
    pub(super) fn private(&self) -> Zeroizing<String> {
        let mut key = Zeroizing::new(b"openssh-key-v1\0".to_vec());
        for text in ["none", "none", ""] {
            put(&mut key, text.as_bytes());
        }
        key.extend(1_u32.to_be_bytes());
        put(&mut key, &self.blob());
        put(&mut key, &self.section());
        let encoded = Zeroizing::new(STANDARD.encode(&*key));
        let mut pem = Zeroizing::new("-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned());
        for (index, c) in encoded.chars().enumerate() {
            pem.push(c);
            if index % COLUMNS == COLUMNS - 1 {
                pem.push('\n');
            }
        }
        if !pem.ends_with('\n') {
            pem.push('\n');
        }
        pem.push_str("-----END OPENSSH PRIVATE KEY-----");
        pem
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, TYPE.as_bytes());
        put(&mut blob, self.0.verifying_key().as_bytes());
        blob
    }

    /// The check number twice (it tells a wrong password, and there is none), both
    /// halves of the key, a comment, and padding that counts.
    fn section(&self) -> Zeroizing<Vec<u8>> {
        let mut section = Zeroizing::new(vec![0; 8]);
        put(&mut section, TYPE.as_bytes());
        put(&mut section, self.0.verifying_key().as_bytes());
        put(&mut section, &Zeroizing::new(self.0.to_keypair_bytes())[..]);
        put(&mut section, b"rental");
        let missing = section.len().next_multiple_of(BLOCK) - section.len();
        section.extend((1..).take(missing));
        section
    }
}

fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a key's parts are short");
    into.extend(length.to_be_bytes());
    into.extend(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_host_key_is_laid_out_as_openssh_has_it() {
        let key = HostKey::new().unwrap();
        let pem = key.private();
        let lines: Vec<&str> = pem.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= COLUMNS));
        let bytes = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        // Magic, cipher, derivation, its options, one key, its public half.
        let head = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01\0\0\0\x33";
        assert!(bytes.starts_with(head));
        assert_eq!(bytes[head.len()..][..0x33], key.blob());
        let section = &bytes[head.len() + 0x33 + 4..];
        assert_eq!(section.len() % BLOCK, 0);
        assert_eq!(section[..4], section[4..8]);
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(
            HostKey::new().unwrap().public(),
            HostKey::new().unwrap().public()
        );
    }
}
