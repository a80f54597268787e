//! `$NACL`: a nonce of 24 bytes and a secretbox (XSalsa20-Poly1305, tag first)
//! under a key of Argon2i 1.3, with PyNaCl's "sensitive" costs and one salt for
//! everybody, so that equal passwords have equal keys.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use zeroize::Zeroizing;

use super::memory::{self, TooLittleMemory};
use super::{Closed, Unreadable};
use crate::wallet::password::Password;

/// How such a file begins.
pub(super) const MAGIC: &[u8] = b"$NACL";
/// A nonce's size.
pub(super) const NONCE_BYTES: usize = 24;
/// The secretbox's authenticator.
const TAG_BYTES: usize = 16;
/// The same in every wallet.
const SALT: [u8; 16] = [
    0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1,
];
/// Argon2's memory.
const MEMORY_KIB: u32 = 512 * 1024;
/// Argon2's passes over it.
const PASSES: u32 = 8;

/// What a password becomes.
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes 512 MiB, or says that there is too little memory.
    pub(super) fn derive(password: &Password) -> Result<Self, TooLittleMemory> {
        memory::check(u64::from(MEMORY_KIB) * 1024)?;
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("the costs are in range");
        let blocks = params.block_count();
        let argon2 = Argon2::new(Algorithm::Argon2i, Version::V0x13, params);
        let mut memory: Vec<Block> = Vec::new();
        memory
            .try_reserve_exact(blocks)
            .map_err(|_| TooLittleMemory::refused(u64::from(MEMORY_KIB) * 1024))?;
        memory.resize(blocks, Block::new());
        let mut key = Zeroizing::new([0; 32]);
        argon2
            .hash_password_into_with_memory(password.bytes(), &SALT, key.as_mut(), &mut memory)
            .expect("a password of at most 4 GiB, a salt of 16 bytes and a key of 32 are in range");
        memory.fill(Block::new());
        // Keeps the line above from being left out as a write nobody reads.
        std::hint::black_box(&memory);
        Ok(Self(key))
    }

    #[cfg(test)]
    pub(super) fn known(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Nonce and box.
pub(in crate::wallet) struct Sealed {
    nonce: [u8; NONCE_BYTES],
    secretbox: Vec<u8>,
}

impl Sealed {
    pub(super) fn parse(content: &[u8]) -> Result<Self, Unreadable> {
        let rest = content
            .strip_prefix(MAGIC)
            .ok_or(Unreadable::Malformed("it does not begin with $NACL"))?;
        let (nonce, secretbox) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(Unreadable::Truncated)?;
        if secretbox.len() < TAG_BYTES {
            return Err(Unreadable::Truncated);
        }
        Ok(Self {
            nonce: *nonce,
            secretbox: secretbox.to_vec(),
        })
    }

    pub(super) fn open(&self, password: &Password) -> Result<Zeroizing<Vec<u8>>, Closed> {
        self.open_with(&Key::derive(password).map_err(Closed::Memory)?)
    }

    pub(super) fn open_with(&self, key: &Key) -> Result<Zeroizing<Vec<u8>>, Closed> {
        XSalsa20Poly1305::new(key.bytes().into())
            .decrypt(Nonce::from_slice(&self.nonce), self.secretbox.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| Closed::WrongPassword)
    }
}

/// A file's content; `nonce` must never have been used with `key`.
pub(super) fn seal(plain: &[u8], key: &Key, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    let secretbox = XSalsa20Poly1305::new(key.bytes().into())
        .encrypt(Nonce::from_slice(&nonce), plain)
        .expect("a keyfile is shorter than a secretbox may be");
    [MAGIC, &nonce, &secretbox].concat()
}
