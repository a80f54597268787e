//! Whether a package may come in: the operator's policy, applied.
//!
//! ```text
//! revoked digest -> refused, whoever approves it
//! a manifest     -> must be of these bytes, whoever approves them
//! approved       -> built in, or pinned by command or configuration
//! else           -> k of n signatures, this subnet, not expired, not older
//! ```
//!
//! "Older" is by the publisher's sequence number, which may only grow for each
//! name and key; the highest that was accepted is kept, so that an old version
//! with an old fault cannot be slipped in again. Two contents under one number
//! are refused too. A manifest that has expired vouches for nothing: what runs
//! goes on until the node starts, or reads its configuration, again, and then
//! gives way.

mod refusal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::refusal::TrustError;
use super::manifest::{Instant, Manifest, Signed};
use super::package::Package;
use crate::subnet::plugin::Digest;
use crate::subnet::trust::{Key, Rule, Subject, Trust};

/// When a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Somebody offers a package.
    Offer {
        /// Now.
        now: Instant,
    },
    /// As [`Self::Offer`], and the operator says that an older one is meant.
    Downgrade {
        /// Now.
        now: Instant,
    },
    /// It was admitted before, and is to run again or go on.
    Again {
        /// Now.
        now: Instant,
    },
}

/// The last that was accepted of a name and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its sequence number.
    pub sequence: u64,
    /// Its bytes.
    pub digest: Digest,
}

/// By name, by key.
pub type Sequences = BTreeMap<String, BTreeMap<String, Seen>>;

/// Refuses bytes that the operator revoked.
pub(super) fn check_revoked(trust: &Trust, digest: Digest) -> Result<(), TrustError> {
    if trust.revoked_digests.contains(&digest) {
        return Err(TrustError::Revoked(digest));
    }
    Ok(())
}

/// Refuses a manifest that is about other bytes.
pub(super) fn check_digest(package: &Package) -> Result<(), TrustError> {
    match &package.manifest {
        Some(signed) if signed.manifest.digest != package.digest => Err(TrustError::Mismatch {
            what: "digest",
            said: signed.manifest.digest.to_string(),
            found: package.digest.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Refuses a manifest that is about another plugin.
pub(super) fn check_described(
    manifest: &Manifest,
    name: &str,
    version: &str,
    subject: Subject,
) -> Result<(), TrustError> {
    let subject = subject.to_string();
    let said = manifest.subject.to_string();
    let same = |what, said: &str, found: &str| {
        if said == found {
            return Ok(());
        }
        Err(TrustError::Mismatch {
            what,
            said: said.to_owned(),
            found: found.to_owned(),
        })
    };
    same("name", &manifest.name, name)?;
    same("version", &manifest.version, version)?;
    same("world", &said, &subject)
}

/// The keys whose signatures let a package in, or why they do not.
pub(super) fn check_signatures(
    trust: &Trust,
    signed: &Signed,
    seen: &Sequences,
    occasion: Occasion,
) -> Result<Vec<Key>, TrustError> {
    let manifest = &signed.manifest;
    let signers = count(trust, signed)?;
    if let Some(netuid) = manifest.netuid
        && trust.netuid.is_some_and(|here| here != netuid)
    {
        return Err(TrustError::OtherSubnet(netuid));
    }
    match occasion {
        Occasion::Offer { now } => {
            check_expiry(manifest, now)?;
            check_sequence(manifest, &signers, seen)?;
        }
        Occasion::Downgrade { now } | Occasion::Again { now } => check_expiry(manifest, now)?,
    }
    Ok(signers)
}

/// Those true signatures that count, if they are enough.
fn count(trust: &Trust, signed: &Signed) -> Result<Vec<Key>, TrustError> {
    let Manifest { name, subject, .. } = &signed.manifest;
    let true_ones = signed.signers();
    let Some(rule) = trust
        .rule(name, *subject)
        .filter(|rule| !rule.keys.is_empty())
    else {
        return Err(TrustError::NobodysKey {
            name: name.clone(),
            signers: true_ones,
        });
    };
    let counts = |key: &Key| rule.keys.contains(key) && !trust.revoked_keys.contains(key);
    let (counted, others): (Vec<Key>, Vec<Key>) = true_ones.into_iter().partition(counts);
    if counted.len() >= rule.threshold.max(1) {
        return Ok(counted);
    }
    Err(too_few(trust, rule, name, &counted, &others))
}

fn too_few(trust: &Trust, rule: &Rule, name: &str, counted: &[Key], others: &[Key]) -> TrustError {
    let usable = |key: &&Key| !trust.revoked_keys.contains(key);
    TrustError::TooFew {
        name: name.to_owned(),
        have: counted.len(),
        need: rule.threshold.max(1),
        missing: rule
            .keys
            .iter()
            .filter(usable)
            .filter(|key| !counted.contains(key))
            .copied()
            .collect(),
        revoked: others
            .iter()
            .filter(|key| trust.revoked_keys.contains(key))
            .copied()
            .collect(),
    }
}

fn check_expiry(manifest: &Manifest, now: Instant) -> Result<(), TrustError> {
    match manifest.expires {
        Some(expires) if now >= expires => Err(TrustError::Expired(expires)),
        _ => Ok(()),
    }
}

fn check_sequence(manifest: &Manifest, keys: &[Key], seen: &Sequences) -> Result<(), TrustError> {
    let Some(seen) = seen.get(&manifest.name) else {
        return Ok(());
    };
    for key in keys {
        let Some(last) = seen.get(&key.to_string()) else {
            continue;
        };
        if manifest.sequence < last.sequence {
            return Err(TrustError::Older {
                key: *key,
                sequence: manifest.sequence,
                seen: last.sequence,
            });
        }
        if manifest.sequence == last.sequence && manifest.digest != last.digest {
            return Err(TrustError::TwoUnderOneNumber {
                key: *key,
                sequence: last.sequence,
                seen: last.digest,
            });
        }
    }
    Ok(())
}

/// Notes that `keys` vouched for `manifest`; a number never shrinks.
pub(super) fn note(seen: &mut Sequences, manifest: &Manifest, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    let by_key = seen.entry(manifest.name.clone()).or_default();
    for key in keys {
        let new = Seen {
            sequence: manifest.sequence,
            digest: manifest.digest,
        };
        let last = by_key.entry(key.to_string()).or_insert(new);
        if new.sequence > last.sequence {
            *last = new;
        }
    }
}

/// Whether `trust` would let `package` in now, numbers aside: for somebody who
/// asks before offering it.
pub fn judge(trust: &Trust, package: &Package, now: Instant) -> Result<Vec<Key>, TrustError> {
    check_revoked(trust, package.digest)?;
    check_digest(package)?;
    let Some(signed) = &package.manifest else {
        let name = package.origin.clone();
        let digest = package.digest;
        return Err(TrustError::Unsigned { name, digest });
    };
    let pinned = || {
        let Manifest { name, subject, .. } = &signed.manifest;
        trust.is_pinned(name, *subject, package.digest)
    };
    match check_signatures(trust, signed, &Sequences::new(), Occasion::Offer { now }) {
        Err(_) if pinned() => Ok(Vec::new()),
        judged => judged,
    }
}

#[cfg(test)]
mod tests;
