//! Why nobody's word let a package in, and the line that would.

use crate::plugin::manifest::{Instant, ManifestError};
use crate::subnet::Netuid;
use crate::subnet::plugin::Digest;
use crate::subnet::text::escape;
use crate::subnet::trust::Key;

/// A refusal; [`TrustError::remedy`] says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The operator said never.
    #[error("{0} is revoked in this node's configuration")]
    Revoked(Digest),
    /// Nobody vouches for it.
    #[error("nobody vouches for {digest}: it is not signed and not pinned")]
    Unsigned {
        /// The plugin, as it was asked for.
        name: String,
        /// Of its bytes.
        digest: Digest,
    },
    /// What came as its manifest is none.
    #[error("its manifest is not one: {0}")]
    Manifest(#[source] ManifestError),
    /// The manifest is true of something else.
    #[error("its manifest says {what} {said}, and it is {found}")]
    Mismatch {
        /// Digest, name, version or world.
        what: &'static str,
        /// In the manifest.
        said: String,
        /// In truth.
        found: String,
    },
    /// It is signed, and the operator has named nobody.
    #[error("this node's configuration names no key for {name}; {}", signed_by(.signers))]
    NobodysKey {
        /// The plugin.
        name: String,
        /// Whose signatures are true.
        signers: Vec<Key>,
    },
    /// k-1 of n.
    #[error("{have} of the {need} signatures that {name} needs are there{}", revoked_too(.revoked))]
    TooFew {
        /// The plugin.
        name: String,
        /// True, and of keys that count.
        have: usize,
        /// By the rule.
        need: usize,
        /// Keys that count and have not signed.
        missing: Vec<Key>,
        /// Signed truly, by keys that were revoked.
        revoked: Vec<Key>,
    },
    /// Signed for another subnet.
    #[error("it is signed for subnet {0}, and this node serves another")]
    OtherSubnet(Netuid),
    /// Its publisher's word ended.
    #[error("its manifest expired at {0}")]
    Expired(Instant),
    /// Perhaps with a fault that was mended since.
    #[error("it is number {sequence} of {key}, and number {seen} was here: it is older")]
    Older {
        /// Whose numbers.
        key: Key,
        /// This one's.
        sequence: u64,
        /// The highest that was accepted.
        seen: u64,
    },
    /// A publisher that says two things.
    #[error("{key} signed {seen} as number {sequence} before, and these are other bytes")]
    TwoUnderOneNumber {
        /// Whose number.
        key: Key,
        /// The number.
        sequence: u64,
        /// What it was.
        seen: Digest,
    },
    /// This host has no such thing to give.
    #[error("it wants `{0}`, which this node cannot grant it")]
    Want(String),
    /// It asks for more than its publisher signed for.
    #[error("it wants `{0}`, which its signed manifest does not say")]
    Unsaid(String),
    /// The configuration and the manifest differ about the settings.
    #[error("of its settings, {0}")]
    Setting(String),
}

impl TrustError {
    /// What to do about it, in one line.
    pub fn remedy(&self) -> String {
        match self {
            Self::Revoked(_) => {
                "take it out of `trust.revoked-digests` if that was a mistake".into()
            }
            Self::Unsigned { name, digest } => format!(
                "if you trust it, add --pin, which records the digest as your approval, or add the \
                 line trust.plugins.{}.pins = [\"{digest}\"] to the configuration; or have it \
                 signed with `host plugin sign`",
                escape(name)
            ),
            Self::Manifest(_) | Self::Mismatch { .. } => {
                "sign these very bytes anew with `host plugin sign`, or remove the manifest".into()
            }
            Self::NobodysKey { name, signers } => nobodys_remedy(name, signers),
            Self::TooFew { missing, .. } => format!(
                "have it signed with `host plugin sign` by {}",
                list(missing)
            ),
            Self::OtherSubnet(_) => "ask its publisher for one that is for this subnet".into(),
            Self::Expired(_) => "ask its publisher for a newer one".into(),
            Self::Older { .. } => "if you want the older one back, add --allow-downgrade".into(),
            Self::TwoUnderOneNumber { .. } => {
                "ask its publisher which one is meant; --allow-downgrade takes this one".into()
            }
            Self::Want(_) => "use a release that can, or ask its publisher to do without".into(),
            Self::Unsaid(want) => {
                format!("ask its publisher to sign it: host plugin sign FILE --want '{want}'")
            }
            Self::Setting(_) => "`host plugin verify FILE` shows which settings it has".into(),
        }
    }
}

fn nobodys_remedy(name: &str, signers: &[Key]) -> String {
    let keys = signers
        .iter()
        .map(|key| format!("\"{key}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if keys.is_empty() {
        return format!(
            "add the line trust.plugins.{name}.keys = [\"an SS58 address\"] to the configuration, \
             and have it signed with `host plugin sign`"
        );
    }
    format!(
        "if you trust them, add the line trust.plugins.{name}.keys = [{keys}] to the configuration"
    )
}

fn signed_by(signers: &[Key]) -> String {
    if signers.is_empty() {
        return "no signature of it is true either".into();
    }
    format!("it is signed by {}", list(signers))
}

fn revoked_too(revoked: &[Key]) -> String {
    if revoked.is_empty() {
        return String::new();
    }
    format!(", and {} is revoked", list(revoked))
}

fn list(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(Key::to_string).collect();
    keys.join(", ")
}
