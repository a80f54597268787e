//! Evidence in a file that anybody can check who has the .wasm.
//!
//! JSON, an object a line:
//!
//! ```text
//! {"bundle": {"format": "compute-subnet/evidence/1", "owner": .., "software": ..}}
//! {"settings": {"digest": "sha256:..", "table": {..}}}     before who ran with it
//! {"epoch": ..}                                            any number
//! {"session": ..}                                          ended ones, seeds and all
//! {"signature": {"account": "5..", "signature": "0x.."}}   last
//! ```
//!
//! The signature is the validator's hotkey's, over the text
//! `compute-subnet/evidence/1`, a line feed, and the SHA-256 of all lines before
//! it in hexadecimal. It says that this validator stands by this evidence; that
//! the results follow from it, anybody can work out.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::subnet::evidence::{EndedSession, EpochRecord, StoreOwner};
use crate::subnet::key::{AccountId, Scheme, Signature, Signer};
use crate::subnet::plugin::Digest;

/// The first line's format, and the first line of what is signed.
pub const FORMAT: &str = "compute-subnet/evidence/1";
/// The longest line: a session with all its payloads.
const LINE_BYTES_MAX: u64 = 512 << 20;

/// What a line says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// What this is.
    Bundle(Heading),
    /// A settings table.
    Settings {
        /// As plugins' ids name it.
        digest: Digest,
        /// Name to value.
        table: BTreeMap<String, String>,
    },
    /// A scored epoch.
    Epoch(Box<EpochRecord>),
    /// A session that has ended.
    Session(Box<EndedSession>),
    /// Who stands by it.
    Signature(Signed),
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// [`FORMAT`].
    pub format: String,
    /// Whose evidence.
    pub owner: StoreOwner,
    /// What wrote it.
    pub software: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Who signed.
    pub account: AccountId,
    /// `sr25519` or `ed25519`.
    pub scheme: String,
    /// Over the lines before it.
    #[serde(with = "crate::subnet::octets")]
    pub signature: Vec<u8>,
}

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be read or written.
    #[error("the bundle cannot be read or written")]
    Io(#[from] io::Error),
    /// It is no bundle.
    #[error("line {0} is not of an evidence bundle: {1}")]
    Malformed(usize, String),
    /// Changed, or cut off.
    #[error("the bundle has no signature at its end: it was cut off")]
    Unsigned,
    /// Not what was signed.
    #[error("the signature is not by {0} over these lines: the bundle was changed")]
    BadSignature(AccountId),
}

/// Writes a bundle, line by line.
pub struct Writer<W> {
    to: W,
    hash: Sha256,
}

impl<W: Write> Writer<W> {
    /// Begins with who it is of.
    pub fn new(to: W, owner: StoreOwner) -> Result<Self, BundleError> {
        let mut writer = Self {
            to,
            hash: Sha256::new(),
        };
        writer.write(&Line::Bundle(Heading {
            format: FORMAT.to_owned(),
            owner,
            software: concat!("host/", env!("CARGO_PKG_VERSION")).to_owned(),
        }))?;
        Ok(writer)
    }

    /// One line more.
    pub fn write(&mut self, line: &Line) -> Result<(), BundleError> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::from)?;
        text.push(b'\n');
        self.hash.update(&text);
        Ok(self.to.write_all(&text)?)
    }

    /// Signs what was written, and hands back where it went.
    pub fn sign(mut self, signer: &dyn Signer) -> Result<W, BundleError> {
        let message = message(self.hash.clone());
        let signed = Signed {
            account: signer.account(),
            scheme: signer.scheme().name().to_owned(),
            signature: signer.sign(&message).0.to_vec(),
        };
        self.write(&Line::Signature(signed))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

fn message(lines: Sha256) -> Vec<u8> {
    format!("{FORMAT}\n{}", hex::encode(lines.finalize())).into_bytes()
}

/// Reads a bundle and gives each line to `each`, its signature checked last: act
/// on what was read only if this returns who signed.
pub fn read(
    mut from: impl BufRead,
    mut each: impl FnMut(Line) -> Result<(), BundleError>,
) -> Result<(Heading, Signed), BundleError> {
    let mut hash = Sha256::new();
    let mut heading = None;
    for number in 1.. {
        let mut text = Vec::new();
        (&mut from)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut text)?;
        if text.is_empty() {
            break;
        }
        let line = serde_json::from_slice(&text)
            .map_err(|error| BundleError::Malformed(number, error.to_string()))?;
        match (line, &heading) {
            (Line::Bundle(found), None) if found.format == FORMAT => heading = Some(found),
            (_, None) => {
                let why = format!("the first line must name the format {FORMAT}");
                return Err(BundleError::Malformed(number, why));
            }
            (Line::Signature(signed), Some(heading)) => {
                check(&signed, hash)?;
                return Ok((heading.clone(), signed));
            }
            (line, Some(_)) => each(line)?,
        }
        hash.update(&text);
    }
    Err(BundleError::Unsigned)
}

fn check(signed: &Signed, lines: Sha256) -> Result<(), BundleError> {
    let bad = || BundleError::BadSignature(signed.account);
    let scheme = Scheme::from_name(&signed.scheme).ok_or_else(bad)?;
    let signature = signed.signature.as_slice().try_into().map_err(|_| bad())?;
    if scheme.verify(&signed.account, &message(lines), &Signature(signature)) {
        Ok(())
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::wallet::Hotkey;

    fn alice() -> Hotkey {
        Hotkey::development("//Alice").unwrap()
    }

    fn owner() -> StoreOwner {
        StoreOwner {
            genesis: [1; 32],
            netuid: 7,
            hotkey: alice().account(),
        }
    }

    fn bundle() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), owner()).unwrap();
        let line = Line::Settings {
            digest: Digest([3; 32]),
            table: BTreeMap::from([("points".into(), "7".into())]),
        };
        writer.write(&line).unwrap();
        writer.sign(&alice()).unwrap()
    }

    fn count(bytes: &[u8]) -> Result<usize, BundleError> {
        let mut lines = 0;
        read(bytes, |_| {
            lines += 1;
            Ok(())
        })
        .map(|_| lines)
    }

    #[test]
    fn a_bundle_says_who_stands_by_it() {
        let (heading, signed) = read(bundle().as_slice(), |_| Ok(())).unwrap();
        assert_eq!(heading.owner, owner());
        assert_eq!(signed.account, owner().hotkey);
        assert_eq!(count(&bundle()).unwrap(), 1);
    }

    #[test]
    fn a_bundle_that_was_changed_or_cut_off_proves_nothing() {
        let text = String::from_utf8(bundle()).unwrap();
        let changed = text.replace("\"7\"", "\"8\"");
        assert!(matches!(
            count(changed.as_bytes()),
            Err(BundleError::BadSignature(_))
        ));
        let cut = &text[..text.rfind("{\"signature").unwrap()];
        assert!(matches!(count(cut.as_bytes()), Err(BundleError::Unsigned)));
        assert!(matches!(count(b"{}"), Err(BundleError::Malformed(1, _))));
        assert!(matches!(count(b""), Err(BundleError::Unsigned)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = count(&bytes);
        }
    }
}
