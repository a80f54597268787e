//! One call of one plugin: each of its requests, from the first check to the
//! scrubbed answer.
//!
//! ```text
//! budget ─ origin, headers, credential: granted and wanted? ─ (no network so far)
//!   └ secrets are read ─ name is looked up, every address judged ─ connect
//!       └ credential goes in ─ request, answer ─ secrets are taken out ─ plugin
//! ```

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_body_util::Full;
use hyper::Request as HttpRequest;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use tracing::{debug, error, warn};

use super::Shared;
use super::advice;
use super::budget::{CallBudget, Passed};
use super::connect::connect;
use super::exchange::{Answer, Trouble, exchange, head_bytes};
use super::gate::{self, Way};
use super::proof::{self, Proof, Scope, Unproven};
use super::resolve::ADDRESSES_MAX;
use super::scrub::Scrubber;
use super::secret::Secret;
use crate::subnet::address::{AddressPolicy, NotAllowed};
use crate::subnet::grant::{Origin, Usage};
use crate::subnet::outbound::{Auth, Header, Outbound, OutboundError, Request, Response};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;

/// Headers that no plugin sees: those of the connection, and those that make a
/// session a credential of its own.
const WITHHELD: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "set-cookie2",
    "authentication-info",
    "proxy-authentication-info",
];

/// What a component says it needs, as far as that can be granted.
struct Wanted {
    origins: BTreeSet<Origin>,
    credentials: BTreeSet<String>,
}

pub(super) struct Call {
    shared: Arc<Shared>,
    plugin: String,
    wanted: Wanted,
    budget: CallBudget,
    /// Whether the operator was told of a refusal: once a call is enough.
    told: AtomicBool,
}

/// A request that may be sent.
struct Admitted {
    way: Way,
    policy: AddressPolicy,
    headers: HeaderMap,
    /// The name of the credential that goes in.
    credential: Option<String>,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, plugin: &str, wants: &[Want]) -> Self {
        let origins = wants.iter().filter_map(|want| match want {
            Want::HttpOrigin(text) => text.parse().ok(),
            _ => None,
        });
        let credentials = wants.iter().filter_map(|want| match want {
            Want::Credential(name) => Some(name.clone()),
            _ => None,
        });
        Self {
            wanted: Wanted {
                origins: origins.collect(),
                credentials: credentials.collect(),
            },
            budget: CallBudget::new(&shared.limits, shared.days.clone(), plugin),
            shared,
            plugin: plugin.to_owned(),
            told: AtomicBool::new(false),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, OutboundError> {
        let left = self.budget.begin().map_err(|passed| self.over(passed))?;
        let admitted = self.admit(request)?;
        let bytes = request.url.len() + request.body.len();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let bytes = bytes.saturating_add(head_bytes(&admitted.headers));
        self.budget
            .send(bytes)
            .map_err(|passed| self.over(passed))?;
        let time = request
            .timeout
            .min(self.shared.limits.request_time)
            .min(left);
        tokio::time::timeout(time, self.carry(request, admitted))
            .await
            .map_err(|_| OutboundError::TimedOut)?
    }

    /// All that can be refused without reading or asking anything.
    fn admit(&self, request: &Request) -> Result<Admitted, OutboundError> {
        let max = self.shared.limits.request_kib_max.saturating_mul(1 << 10);
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
        let (plugin, grants) = (&self.plugin, &self.shared.grants);
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
    fn credential<'a>(
        &self,
        auth: &'a Auth,
        origin: &Origin,
    ) -> Result<Option<(&'a str, Usage)>, OutboundError> {
        let (name, usage) = match auth {
            Auth::Anonymous => return Ok(None),
            Auth::Bearer(name) => (name, Usage::Bearer),
            Auth::Basic(name) => (name, Usage::Basic),
            Auth::Header { credential, header } => {
                (credential, Usage::Header(header.to_ascii_lowercase()))
            }
            Auth::SigV4 { credential, .. } => (credential, Usage::SigV4),
        };
        let (plugin, grants) = (&self.plugin, &self.shared.grants);
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

    /// Everything that takes time.
    async fn carry(
        &self,
        request: &Request,
        admitted: Admitted,
    ) -> Result<Response, OutboundError> {
        let turn = self.shared.turns.acquire().await;
        let _turn =
            turn.map_err(|_| OutboundError::Unreachable("the node is shutting down".to_owned()))?;
        let (proofs, chosen) = self.proofs(admitted.credential.clone()).await?;
        let mut more = Vec::new();
        let answered = self
            .exchange(request, admitted, chosen.map(|at| &proofs[at]), &mut more)
            .await;
        // Looking through a large answer would hold up the network.
        let scrubbed = tokio::task::spawn_blocking(move || {
            let scrubber = proof::scrubber(&proofs, &more);
            match answered {
                Ok(answer) => Ok(response(answer, &scrubber)),
                Err(error) => Err(scrub_error(error, &scrubber)),
            }
        });
        let (response, found) = scrubbed
            .await
            .map_err(|_| OutboundError::Unreachable("the answer could not be read".to_owned()))??;
        if found {
            error!(plugin = %self.plugin, url = %origin_of(&request.url), "a server gave a credential back; it was taken out of what the plugin sees");
        }
        Ok(response)
    }

    /// All secrets of the plugin that can be read, and which of them goes in.
    async fn proofs(
        &self,
        chosen: Option<String>,
    ) -> Result<(Vec<Proof>, Option<usize>), OutboundError> {
        let (shared, plugin) = (self.shared.clone(), self.plugin.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let bound = shared.grants.credentials.iter();
            let bound = bound.filter(|(_, credential)| credential.plugins.contains(&plugin));
            let (mut proofs, mut at) = (Vec::new(), None);
            for (name, credential) in bound {
                let is_chosen = chosen.as_ref() == Some(name);
                match Proof::read(&shared.vault, credential) {
                    Ok(proof) => {
                        at = if is_chosen { Some(proofs.len()) } else { at };
                        proofs.push(proof);
                    }
                    // One that cannot be read was not sent, either.
                    Err(why) if is_chosen => {
                        warn!(%plugin, "{}", advice::unreadable(name, &why));
                        let why = format!("`{name}` cannot be used; the node's log says why");
                        return Err(OutboundError::UnknownCredential(why));
                    }
                    Err(why) => debug!(%plugin, "{}", advice::unreadable(name, &why)),
                }
            }
            Ok((proofs, at))
        });
        let failed = |_| OutboundError::UnknownCredential("it could not be read".to_owned());
        reading.await.map_err(failed)?
    }

    async fn exchange(
        &self,
        request: &Request,
        admitted: Admitted,
        proof: Option<&Proof>,
        more: &mut Vec<Secret>,
    ) -> Result<Answer, OutboundError> {
        let Admitted {
            way,
            policy,
            mut headers,
            ..
        } = admitted;
        let addresses = self.addresses(&way, policy).await?;
        let stream = connect(&self.shared.tls, &way.origin, &addresses).await;
        let stream = stream.map_err(|why| OutboundError::Unreachable(escape(&why.to_string())))?;
        let method = gate::method(request.method);
        if let Some(proof) = proof {
            let unproven = Unproven {
                method: method.as_str(),
                url: way.url.as_str(),
                body: &request.body,
            };
            let signature = proof.put(&mut headers, &unproven, self.scope(&request.auth));
            let cannot = || gate::malformed("the request cannot be signed".to_owned());
            *more = signature.ok_or_else(cannot)?;
        }
        let mut ready = HttpRequest::builder()
            .method(method)
            .uri(way.target())
            .body(Full::new(Bytes::copy_from_slice(&request.body)))
            .map_err(|why| gate::malformed(format!("the URL: {why}")))?;
        *ready.headers_mut() = headers;
        let max = self.shared.limits.response_kib_max.saturating_mul(1 << 10);
        let answer = exchange(stream, ready, &self.budget, max).await;
        answer.map_err(|trouble| self.explain(trouble))
    }

    fn scope<'a>(&self, auth: &'a Auth) -> Option<Scope<'a>> {
        match auth {
            Auth::SigV4 {
                region, service, ..
            } => Some(Scope {
                region,
                service,
                time: self.shared.clock.now(),
            }),
            _ => None,
        }
    }

    /// Where the name leads, if every one of its addresses may be called.
    async fn addresses(
        &self,
        way: &Way,
        policy: AddressPolicy,
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        let origin = &way.origin;
        let mut addresses = match origin.address() {
            Some(address) => vec![SocketAddr::new(address, origin.port())],
            None => {
                let found = self
                    .shared
                    .resolver
                    .resolve(origin.host(), origin.port())
                    .await;
                found.map_err(|why| OutboundError::Unreachable(escape(&why.to_string())))?
            }
        };
        addresses.truncate(ADDRESSES_MAX);
        for address in &addresses {
            way.check(policy, address).map_err(|why| {
                let denied = format!("{origin} leads to {}: {why}", address.ip());
                let is_private = policy.check(address) == Err(NotAllowed::NotPublic);
                OutboundError::Denied(if is_private {
                    let line = advice::grant_private(&self.shared.grants, &self.plugin, origin);
                    format!("{denied}; if it is yours, {line}")
                } else {
                    denied
                })
            })?;
        }
        Ok(addresses)
    }

    fn explain(&self, trouble: Trouble) -> OutboundError {
        match trouble {
            Trouble::Broken(why) => OutboundError::Unreachable(why),
            Trouble::Passed(passed) => self.over(passed),
            Trouble::TooLarge(limit) => {
                warn!(plugin = %self.plugin, "a response is above `{limit}`");
                OutboundError::TooLarge
            }
        }
    }

    fn over(&self, Passed(key): Passed) -> OutboundError {
        if !self.told.swap(true, Ordering::Relaxed) {
            warn!(plugin = %self.plugin, "a plugin is over budget: `{key}`");
        }
        OutboundError::OutOfBudget
    }

    /// The first refusal of a call is worth the operator's attention, the others
    /// are the same plugin trying again.
    fn tell(&self, error: &OutboundError) {
        use OutboundError::{Denied, UnknownCredential};
        if !matches!(error, Denied(_) | UnknownCredential(_)) {
            debug!(plugin = %self.plugin, "{error}");
        } else if self.told.swap(true, Ordering::Relaxed) {
            debug!(plugin = %self.plugin, "refused a request, {error}");
        } else {
            warn!(plugin = %self.plugin, "refused a request, {error}");
        }
    }
}

#[async_trait]
impl Outbound for Call {
    async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let began = Instant::now();
        let answer = self.answer(&request).await;
        let time: Duration = began.elapsed();
        self.budget.take(time);
        match &answer {
            Ok(response) => {
                debug!(plugin = %self.plugin, url = %origin_of(&request.url), status = response.status, ?time, "sent")
            }
            Err(error) => self.tell(error),
        }
        answer
    }
}

/// A path may hold what is nobody's business.
fn origin_of(url: &str) -> String {
    Way::parse(url).map_or_else(|_| String::new(), |way| way.origin.to_string())
}

/// What the plugin sees, and whether something had to be taken out.
fn response(answer: Answer, scrubber: &Scrubber) -> (Response, bool) {
    let clean = scrubber.scrub(&answer.body);
    let mut found = clean.is_some();
    let is_same_length = clean.is_none();
    let mut headers = Vec::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        let name = name.as_str();
        if WITHHELD.contains(&name) || name == "content-length" && !is_same_length {
            continue;
        }
        if scrubber.scrub_text(name).is_some() {
            found = true;
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        let clean = scrubber.scrub_text(&value);
        found |= clean.is_some();
        headers.push(Header {
            name: name.to_owned(),
            value: clean.unwrap_or_else(|| value.into_owned()),
        });
    }
    let response = Response {
        status: answer.status,
        headers,
        body: clean.unwrap_or(answer.body),
    };
    (response, found)
}

/// The words of an error may be a server's.
fn scrub_error(error: OutboundError, scrubber: &Scrubber) -> OutboundError {
    let clean = |text: String| scrubber.scrub_text(&text).unwrap_or(text);
    match error {
        OutboundError::Unreachable(why) => OutboundError::Unreachable(clean(why)),
        OutboundError::Denied(why) => OutboundError::Denied(clean(why)),
        OutboundError::Malformed(why) => OutboundError::Malformed(clean(why)),
        other => other,
    }
}
