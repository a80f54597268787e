//! Whether a plugin's request is both wanted and granted: what can be decided
//! without reading a secret or asking the network.

use std::collections::BTreeSet;

use hyper::header::HeaderMap;
use tracing::warn;

use super::advice;
use super::gate::{self, Way};
use crate::subnet::address::AddressPolicy;
use crate::subnet::grant::{EgressLimits, Grants, Origin, Usage};
use crate::subnet::outbound::{Auth, OutboundError, Request};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;

/// What a component says it needs, as far as that can be granted.
pub(super) struct Wanted {
    origins: BTreeSet<Origin>,
    credentials: BTreeSet<String>,
}

impl Wanted {
    /// What is no origin is not wanted either.
    pub(super) fn of(wants: &[Want]) -> Self {
        let origins = wants.iter().filter_map(|want| match want {
            Want::HttpOrigin(text) => text.parse().ok(),
            _ => None,
        });
        let credentials = wants.iter().filter_map(|want| match want {
            Want::Credential(name) => Some(name.clone()),
            _ => None,
        });
        Self {
            origins: origins.collect(),
            credentials: credentials.collect(),
        }
    }
}

/// A request that may be sent.
pub(super) struct Admitted {
    pub(super) way: Way,
    pub(super) policy: AddressPolicy,
    pub(super) headers: HeaderMap,
    /// The name of the credential that goes in.
    pub(super) credential: Option<String>,
}

/// What one plugin is measured by.
pub(super) struct Admission<'a> {
    pub(super) plugin: &'a str,
    pub(super) wanted: &'a Wanted,
    pub(super) grants: &'a Grants,
    pub(super) limits: &'a EgressLimits,
}

impl Admission<'_> {
    /// All that can be refused without reading or asking anything.
    pub(super) fn admit(&self, request: &Request) -> Result<Admitted, OutboundError> {
        let max = self.limits.request_kib_max.saturating_mul(1 << 10);
        if u64::try_from(request.body.len()).map_or(true, |length| length > max) {
            warn!(plugin = %self.plugin, "a request's body is above `egress.request-kib-max`");
            return Err(OutboundError::TooLarge);
        }
        let way = Way::parse(&request.url)?;
        let policy = self.policy(&way.origin)?;
        let credential = self.credential(&request.auth, &way.origin)?;
        let own = match &credential {
            Some((_, Usage::Header(name))) => Some(name.as_str()),
            _ => None,
        };
        let signed = matches!(credential, Some((_, Usage::SigV4)));
        Ok(Admitted {
            headers: gate::headers(&way, &request.headers, own, signed)?,
            way,
            policy,
            credential: credential.map(|(name, _)| name.to_owned()),
        })
    }

    /// Which addresses `origin` may have, if it is both wanted and granted.
    fn policy(&self, origin: &Origin) -> Result<AddressPolicy, OutboundError> {
        let (plugin, grants) = (self.plugin, self.grants);
        if !self.wanted.origins.contains(origin) {
            let why = format!("{origin} is not among what `{plugin}` says it wants");
            return Err(OutboundError::Denied(why));
        }
        match grants.plugins.get(plugin) {
            Some(grant) if grant.private_origins.contains(origin) => {
                Ok(AddressPolicy::AllowPrivate)
            }
            Some(grant) if grant.origins.contains(origin) => Ok(AddressPolicy::PublicOnly),
            _ => Err(OutboundError::Denied(format!(
                "{origin} is not granted to `{plugin}`; to grant it, {}",
                advice::grant_origin(grants, plugin, origin)
            ))),
        }
    }

    /// The credential that is named, if it is wanted and bound to this plugin, this
    /// origin and this use.
    fn credential<'b>(
        &self,
        auth: &'b Auth,
        origin: &Origin,
    ) -> Result<Option<(&'b str, Usage)>, OutboundError> {
        let (name, usage) = match auth {
            Auth::Anonymous => return Ok(None),
            Auth::Bearer(name) => (name, Usage::Bearer),
            Auth::Basic(name) => (name, Usage::Basic),
            Auth::Header { credential, header } => {
                (credential, Usage::Header(header.to_ascii_lowercase()))
            }
            Auth::SigV4 { credential, .. } => (credential, Usage::SigV4),
        };
        let (plugin, grants) = (self.plugin, self.grants);
        if !self.wanted.credentials.contains(name) {
            let why = format!(
                "`{}` is not among what `{plugin}` says it wants",
                escape(name)
            );
            return Err(OutboundError::UnknownCredential(why));
        }
        let bound = grants.credentials.get(name);
        match bound.filter(|c| c.plugins.contains(plugin) && c.origins.contains(origin)) {
            Some(credential) if credential.usage == usage => Ok(Some((name, usage))),
            Some(credential) => Err(OutboundError::Denied(format!(
                "`{name}` is granted as {}; to change that, {}",
                credential.usage,
                advice::below(
                    &format!("credentials.{name}"),
                    &format!("as = \"{}\"", escape(&usage.to_string()))
                )
            ))),
            None => Err(OutboundError::UnknownCredential(format!(
                "`{}` is not bound to `{plugin}` and {origin}; to bind it, {}",
                escape(name),
                advice::bind(grants, plugin, &escape(name), &usage, origin)
            ))),
        }
    }
}
