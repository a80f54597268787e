//! One call of one plugin: each of its requests, from the first check to the
//! scrubbed answer.
//!
//! ```text
//! budget ─ origin, headers, credential: granted and wanted? ─ (no network so far)
//!   └ secrets are read ─ name is looked up, every address judged ─ connect
//!       └ credential goes in ─ request, answer ─ secrets are taken out ─ plugin
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_body_util::Full;
use hyper::Request as HttpRequest;
use hyper::body::Bytes;
use tracing::{debug, error, warn};

use super::Shared;
use super::admit::{Admission, Admitted, Wanted};
use super::advice;
use super::budget::{CallBudget, Passed};
use super::connect::connect;
use super::exchange::{Answer, Trouble, exchange, head_bytes};
use super::gate::{self, Way};
use super::handover;
use super::proof::{self, Proof, Scope, Unproven};
use super::resolve::ADDRESSES_MAX;
use super::secret::Secret;
use crate::subnet::address::{AddressPolicy, NotAllowed};
use crate::subnet::outbound::{Auth, Outbound, OutboundError, Request, Response};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;

pub(super) struct Call {
    shared: Arc<Shared>,
    plugin: String,
    wanted: Wanted,
    budget: CallBudget,
    /// Whether the operator was told of a refusal: once a call is enough.
    told: AtomicBool,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, plugin: &str, wants: &[Want]) -> Self {
        Self {
            wanted: Wanted::of(wants),
            budget: CallBudget::new(&shared.limits, shared.days.clone(), plugin),
            shared,
            plugin: plugin.to_owned(),
            told: AtomicBool::new(false),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, OutboundError> {
        let left = self.budget.begin().map_err(|passed| self.over(passed))?;
        let admitted = self.admission().admit(request)?;
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

    fn admission(&self) -> Admission<'_> {
        Admission {
            plugin: &self.plugin,
            wanted: &self.wanted,
            grants: &self.shared.grants,
            limits: &self.shared.limits,
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
                Ok(answer) => Ok(handover::response(answer, &scrubber)),
                Err(error) => Err(handover::error(error, &scrubber)),
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
