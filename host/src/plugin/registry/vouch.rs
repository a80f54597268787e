//! Whose word lets a package in, when it is offered and when the node starts.

use super::describe::{Source, unix_s};
use super::{Approval, Registry};
use crate::plugin::admission::AdmissionError;
use crate::plugin::call::Loaded;
use crate::plugin::manifest::{Instant, Signed};
use crate::plugin::package::Package;
use crate::plugin::trust::{self, Occasion, TrustError};
use crate::subnet::plugin::Digest;
use crate::subnet::trust::{Key, Subject};

/// What the record says of what was put there on a development chain.
pub(super) const DEVELOPMENT_CHAIN: &str = "development chain";

/// Who vouches for a package.
pub(super) struct Vouched {
    pub(super) source: Source,
    /// Those whose signatures counted.
    pub(super) keys: Vec<Key>,
}

impl From<Source> for Vouched {
    fn from(source: Source) -> Self {
        Self {
            source,
            keys: Vec::new(),
        }
    }
}

impl Vouched {
    /// For the record.
    pub(super) fn by(&self) -> String {
        match &self.source {
            Source::Pinned { by } => by.clone(),
            Source::BuiltIn => "built-in".into(),
            Source::Configured => "configuration".into(),
            Source::Signed { by, .. } => by.join(", "),
            Source::DevelopmentChain => DEVELOPMENT_CHAIN.into(),
        }
    }
}

impl Registry {
    /// Whether `package` may be admitted at all, before it is compiled.
    pub(super) fn vouch(
        &self,
        slot: &str,
        package: &Package,
        approval: &Approval,
    ) -> Result<Vouched, AdmissionError> {
        trust::check_revoked(&self.trust(), package.digest)?;
        trust::check_digest(package)?;
        let now = Instant(unix_s());
        let occasion = match approval {
            Approval::Pin { by } => return Ok(Source::Pinned { by: by.clone() }.into()),
            Approval::Recorded | Approval::DevelopmentChain => Occasion::Offer { now },
            Approval::Downgrade => Occasion::Downgrade { now },
        };
        if let Some(source) = self.recorded(slot, package.digest) {
            return Ok(source.into());
        }
        if *approval == Approval::DevelopmentChain {
            return Ok(Source::DevelopmentChain.into());
        }
        let signed = package
            .manifest
            .as_ref()
            .ok_or_else(|| TrustError::Unsigned {
                name: slot.to_owned(),
                digest: package.digest,
            })?;
        Ok(self.signed(signed, occasion)?)
    }

    fn signed(&self, signed: &Signed, occasion: Occasion) -> Result<Vouched, TrustError> {
        let keys =
            trust::check_signatures(&self.trust(), signed, self.state().sequences(), occasion)?;
        let source = Source::Signed {
            by: keys.iter().map(Key::to_string).collect(),
            sequence: signed.manifest.sequence,
        };
        Ok(Vouched { source, keys })
    }

    /// An approval that needs no signature. The configuration's pins are each for
    /// a name, which [`Self::confirm`] compares once it is known.
    fn recorded(&self, slot: &str, digest: Digest) -> Option<Source> {
        if let Some(by) = self.state().pinned_by(digest) {
            return Some(Source::Pinned { by: by.to_owned() });
        }
        if self.is_builtin(digest) {
            return Some(Source::BuiltIn);
        }
        let trust = self.trust();
        let rules = trust.by_name.values();
        let mut rules = rules.chain(trust.by_subject.values());
        let pinned = rules.any(|rule| rule.pins.contains(&digest));
        tracing::debug!(slot, %digest, pinned, "looked for an approval");
        pinned.then_some(Source::Configured)
    }

    /// What could not be compared before the plugin had said its name.
    pub(super) fn confirm(&self, vouched: &Vouched, loaded: &Loaded) -> Result<(), AdmissionError> {
        let subject = Subject::Plugin(loaded.world());
        self.confirm_name(vouched, &loaded.id.name, subject, loaded.id.digest)
    }

    pub(super) fn confirm_name(
        &self,
        vouched: &Vouched,
        name: &str,
        subject: Subject,
        digest: Digest,
    ) -> Result<(), AdmissionError> {
        let pinned = || self.trust().is_pinned(name, subject, digest);
        if vouched.source == Source::Configured && !pinned() {
            let name = name.to_owned();
            return Err(TrustError::Unsigned { name, digest }.into());
        }
        Ok(())
    }

    /// Whether what was let in before may run again, or go on: after a restart, as
    /// the way back, under another configuration. An approval that has expired
    /// since is none any more.
    pub(super) fn vouch_again(
        &self,
        slot: &str,
        digest: Digest,
        manifest: Option<&Signed>,
    ) -> Result<Source, AdmissionError> {
        trust::check_revoked(&self.trust(), digest)?;
        if let Some(source) = self.recorded(slot, digest) {
            return Ok(source);
        }
        if self.state().was_approved_by(digest, DEVELOPMENT_CHAIN) {
            return Ok(Source::DevelopmentChain);
        }
        let signed = manifest.ok_or_else(|| TrustError::Unsigned {
            name: slot.to_owned(),
            digest,
        })?;
        let now = Instant(unix_s());
        Ok(self.signed(signed, Occasion::Again { now })?.source)
    }
}
