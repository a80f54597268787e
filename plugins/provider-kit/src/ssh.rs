//! Renters' public keys, and host keys made for one machine.
//!
//! A machine whose host key is known before it boots can be logged in to without
//! believing whoever answers first. Where a provider takes user data, the
//! adapter makes the key pair, hands the private half to the machine in its user
//! data and keeps the public half in a tag. The private half is worth nothing
//! else: it identifies one rented machine, whose renter is root on it anyway,
//! and the operator's account could read that machine's disk as well.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::SigningKey;

const KEY_BYTES_MAX: usize = 4 << 10;
const KINDS: [&str; 8] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
];
const PEM_COLUMNS: usize = 70;

/// A renter's key as it may be written to `authorized_keys`: kind and key, no
/// options, which would be commands, and no comment.
pub fn public_key(line: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("not an OpenSSH public key: {why}"));
    if line.len() > KEY_BYTES_MAX {
        return wrong("too long");
    }
    if line.trim().contains(['\n', '\r', '\0']) {
        return wrong("more than one line");
    }
    let mut words = line.split_ascii_whitespace();
    let (Some(kind), Some(key)) = (words.next(), words.next()) else {
        return wrong("it must be `ssh-ed25519 AAAA...`");
    };
    if !KINDS.contains(&kind) {
        return wrong("it must begin with its kind, as `ssh-ed25519`");
    }
    let Ok(blob) = BASE64.decode(key) else {
        return wrong("its second word is no base64");
    };
    let expected = kind
        .strip_prefix("rsa-sha2-512")
        .map_or(kind, |_| "ssh-rsa");
    match named(&blob) {
        Some(name) if name == expected.as_bytes() => Ok(format!("{kind} {key}")),
        _ => wrong("its second word is of another kind than its first"),
    }
}

/// The kind that a key's blob begins with.
fn named(blob: &[u8]) -> Option<&[u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The key pair that one machine proves itself with.
pub struct HostKey {
    /// In OpenSSH's own format, for `/etc/ssh/ssh_host_ed25519_key`.
    pub private: String,
    /// `ssh-ed25519 AAAA...`
    pub public: String,
}

impl HostKey {
    /// From 32 bytes that nobody can guess.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let public = SigningKey::from_bytes(secret).verifying_key().to_bytes();
        let mut blob = Vec::new();
        field(&mut blob, b"ssh-ed25519");
        field(&mut blob, &public);
        Self {
            private: private(secret, &public, &blob),
            public: format!("ssh-ed25519 {}", BASE64.encode(&blob)),
        }
    }
}

/// OpenSSH's `PROTOCOL.key`, without encryption.
fn private(secret: &[u8; 32], public: &[u8; 32], blob: &[u8]) -> String {
    let check = &public[..4];
    let mut pair = [check, check].concat();
    field(&mut pair, b"ssh-ed25519");
    field(&mut pair, public);
    field(&mut pair, &[secret.as_slice(), public].concat());
    field(&mut pair, b"");
    for padding in 1..=8_u8 {
        if pair.len() % 8 == 0 {
            break;
        }
        pair.push(padding);
    }
    let mut file = b"openssh-key-v1\0".to_vec();
    for text in [b"none".as_slice(), b"none", b""] {
        field(&mut file, text);
    }
    file.extend(1_u32.to_be_bytes());
    field(&mut file, blob);
    field(&mut file, &pair);
    pem(&BASE64.encode(file))
}

fn pem(body: &str) -> String {
    let mut text = String::from("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for line in body.as_bytes().chunks(PEM_COLUMNS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + "-----END OPENSSH PRIVATE KEY-----\n"
}

/// A text with its length before it, as SSH writes them.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("keys are short");
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn a_key_loses_its_comment_and_nothing_else() {
        let own = HostKey::new(&[1; 32]).public;
        assert_eq!(public_key(&format!(" {own} me@home \n")), Ok(own.clone()));
        assert_eq!(public_key(&own), Ok(own));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let own = HostKey::new(&[1; 32]).public;
        let (_, blob) = own.split_once(' ').unwrap();
        for line in [
            String::new(),
            "ssh-ed25519".into(),
            "ssh-ed25519 ???".into(),
            "ssh-ed25519 AAAA".into(),
            format!("command=\"rm -rf /\" {own}"),
            format!("{own}\n{own}"),
            format!("ssh-rsa {blob}"),
            "x".repeat(KEY_BYTES_MAX + 1),
        ] {
            assert!(public_key(&line).is_err(), "{line}");
        }
    }

    #[test]
    fn openssh_reads_the_host_key() {
        let key = HostKey::new(&[9; 32]);
        let file = std::env::temp_dir().join(format!("provider-kit-{}", std::process::id()));
        std::fs::write(&file, &key.private).unwrap();
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&file, permissions).unwrap();
        let read = Command::new("ssh-keygen").arg("-yf").arg(&file).output();
        std::fs::remove_file(&file).unwrap();
        match read {
            Err(error) => eprintln!("skipped: ssh-keygen does not start: {error}"),
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), key.public);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_a_panic_or_two_lines(line in "(ssh-ed25519 )?[A-Za-z+/=\\n \"]{0,80}") {
            if let Ok(key) = public_key(&line) {
                proptest::prop_assert!(!key.contains('\n'));
            }
        }
    }
}
