//! Puts a credential into a request, after the plugin has let go of it.
//!
//! All secrets that a plugin may have sent are looked for in each of its
//! responses, whichever of them this request carried: one server may tell what
//! another was told.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::aws::{AccessKey, Signable, Signed};
use super::scrub::Scrubber;
use super::secret::Secret;
use super::vault::{Unreadable, Vault};
use crate::subnet::grant::{Credential, Usage};

/// The shortest secret: a shorter one could be guessed, by having guesses repeated
/// and looking which are scrubbed.
const SECRET_BYTES_MIN: usize = 16;
/// The shortest password that is looked for by itself.
const PASSWORD_BYTES_MIN: usize = 8;

/// A secret that was read, in the form its use demands.
pub(super) enum Proof {
    /// Put into the header of this name, after these words.
    Sent(HeaderName, &'static str, Secret),
    /// As `Authorization: Basic`: the user and its password, and their base64.
    Basic(Secret, Secret),
    /// Signs.
    Signs(AccessKey),
}

/// What signing needs beside the request.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) time: SystemTime,
}

/// A request that only lacks its proof.
pub(super) struct Unproven<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) body: &'a [u8],
}

impl Proof {
    /// Reads the secret of `credential`. Blocks.
    pub(super) fn read(vault: &Vault, credential: &Credential) -> Result<Self, Unreadable> {
        let secret = vault.read(&credential.source)?;
        if credential.usage == Usage::SigV4 {
            return AccessKey::parse(&secret).map(Self::Signs);
        }
        if !secret.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Unreadable::Unfit("it is not one line of visible ASCII"));
        }
        if secret.expose().len() < SECRET_BYTES_MIN {
            return Err(Unreadable::Unfit(
                "it has fewer than 16 characters, which somebody can guess",
            ));
        }
        match &credential.usage {
            Usage::Basic => {
                let user = secret.expose();
                let colon = if user.contains(':') { "" } else { ":" };
                let pair = Zeroizing::new(format!("{user}{colon}"));
                let encoded = Secret::new(BASE64_STANDARD.encode(pair.as_bytes()));
                Ok(Self::Basic(secret, encoded))
            }
            Usage::Header(name) => HeaderName::from_bytes(name.as_bytes())
                .map(|name| Self::Sent(name, "", secret))
                .map_err(|_| Unreadable::Unfit("its header is none")),
            Usage::Bearer | Usage::SigV4 => Ok(Self::Sent(AUTHORIZATION, "Bearer ", secret)),
        }
    }

    /// What must not come back.
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Sent(_, _, secret) => vec![secret.expose()],
            Self::Basic(secret, encoded) => {
                let text = secret.expose();
                let password = text.split_once(':').map(|(_, password)| password);
                let password = password.filter(|password| password.len() >= PASSWORD_BYTES_MIN);
                [text, encoded.expose()]
                    .into_iter()
                    .chain(password)
                    .collect()
            }
            Self::Signs(key) => key.secrets().collect(),
        }
    }

    /// Puts it into `headers`. Gives what else must not come back: a signature;
    /// `None` if the request cannot be signed.
    pub(super) fn put(
        &self,
        headers: &mut HeaderMap,
        request: &Unproven<'_>,
        scope: Option<Scope<'_>>,
    ) -> Option<Vec<Secret>> {
        match self {
            Self::Sent(name, before, secret) => {
                let value = Zeroizing::new(format!("{before}{}", secret.expose()));
                headers.insert(name.clone(), sensitive(&value)?);
                Some(Vec::new())
            }
            Self::Basic(_, encoded) => {
                let value = Zeroizing::new(format!("Basic {}", encoded.expose()));
                headers.insert(AUTHORIZATION, sensitive(&value)?);
                Some(Vec::new())
            }
            Self::Signs(key) => {
                let signed = sign(key, headers, request, &scope?)?;
                for (name, value) in &signed.headers {
                    let name = HeaderName::from_static(name);
                    headers.insert(name, sensitive(value.expose())?);
                }
                Some(vec![signed.signature])
            }
        }
    }
}

fn sign(
    key: &AccessKey,
    headers: &HeaderMap,
    request: &Unproven<'_>,
    scope: &Scope<'_>,
) -> Option<Signed> {
    let headers: Option<Vec<(&str, &str)>> = headers
        .iter()
        .map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    key.sign(&Signable {
        method: request.method,
        url: request.url,
        headers: &headers?,
        body: request.body,
        region: scope.region,
        service: scope.service,
        time: scope.time,
    })
}

/// `Debug` does not show it.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Looks for the secrets of all `proofs`, and for `more`.
pub(super) fn scrubber(proofs: &[Proof], more: &[Secret]) -> Scrubber {
    let secrets = proofs.iter().flat_map(Proof::secrets);
    Scrubber::new(secrets.chain(more.iter().map(Secret::expose)))
}
