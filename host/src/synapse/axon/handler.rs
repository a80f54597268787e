//! One request: from strangers' bytes to a proven caller's answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::super::btauth::Btauth;
use super::super::head::content_type;
use super::super::replay::ReplayStore;
use super::super::route::{self, Route};
use super::super::status::{JSON, OCTETS, Reply};
use super::super::verify::{Arrived, AuthError, Caller, Proven, Verifier};
use super::super::{description, twresp};
use super::body;
use super::options::AxonOptions;
use super::pace::Pace;
use super::shares::{Share, Shares, origin};
use crate::subnet::challenge::PAYLOAD_BYTES_MAX;
use crate::subnet::key::{AccountId, Signer};
use crate::subnet::wire::{Refusal, Service, TaskReceived};

/// One of a hotkey's pending requests is likely over after this.
const PENDING_RETRY_MS: u32 = 1000;

/// What all connections of an axon share.
pub(super) struct Handler {
    options: AxonOptions,
    service: Arc<dyn Service>,
    signer: Arc<dyn Signer>,
    verifier: Verifier,
    bodies: Shares<IpAddr>,
    pending: Shares<AccountId>,
    pace: Pace,
}

/// A request whose sender is proved, with what it holds until it is answered.
struct Taken {
    proven: Proven,
    route: Route,
    body: Vec<u8>,
    _bytes: Share<IpAddr>,
}

impl Handler {
    pub(super) fn new(
        options: AxonOptions,
        service: Arc<dyn Service>,
        signer: Arc<dyn Signer>,
    ) -> Self {
        let verifier = Verifier::new(
            &signer.account(),
            vec![Box::new(Btauth)],
            Arc::clone(&options.clock),
            options.not_before_unix_ns,
            ReplayStore::new(options.replay),
        );
        Self {
            bodies: Shares::new(
                options.body_bytes_in_flight_max,
                options.body_bytes_in_flight_per_address_max,
            ),
            pending: Shares::new(options.pending_max, options.pending_per_hotkey_max),
            pace: Pace::new(options.requests_per_second, options.requests_burst),
            options,
            service,
            signer,
            verifier,
        }
    }

    pub(super) fn options(&self) -> &AxonOptions {
        &self.options
    }

    pub(super) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        match self.take(request, origin(peer.ip())).await {
            Ok(taken) => self.answer(taken).await,
            Err(reply) => {
                tracing::debug!(%peer, status = reply.status.as_u16(), "refused a stranger");
                to_stranger(reply)
            }
        }
    }

    /// All that comes before a proof, cheapest first.
    async fn take(&self, request: Request<Incoming>, from: IpAddr) -> Result<Taken, Reply> {
        let (head, incoming) = request.into_parts();
        let (target, route) = route_of(&head)?;
        let screened = self.verifier.screen(&head.headers).map_err(unproven)?;
        let mut bytes = self.bodies.take(from, 0).ok_or(body::BodyTrouble::NoRoom)?;
        let max = match route {
            Route::Describe | Route::End { .. } => self.options.describe_bytes_max,
            Route::Challenge { .. } => self.options.payload_bytes_max,
        };
        let body = body::read(incoming, max, self.options.body_time, &mut bytes).await?;
        let arrived = Arrived {
            method: head.method.as_str(),
            target,
            body: &body,
        };
        let proven = self.verifier.prove(screened, arrived).map_err(unproven)?;
        Ok(Taken {
            proven,
            route,
            body,
            _bytes: bytes,
        })
    }

    async fn answer(&self, taken: Taken) -> Response<Full<Bytes>> {
        let caller = taken.proven.caller().clone();
        if let Err(refusal) = self.service.admit(&caller.account) {
            return self.to_caller(&caller, refusal.into());
        }
        match self.verifier.spend(taken.proven) {
            Ok(_) => {}
            // It may be a recording: no new signature for whoever plays it.
            Err(error) => return to_stranger(unproven(error)),
        }
        let reply = match self.turn(&caller.account) {
            Ok(_turn) => self.serve(&caller.account, taken.route, taken.body).await,
            Err(reply) => reply,
        };
        self.to_caller(&caller, reply)
    }

    /// A turn of this hotkey, held while its request is handled.
    fn turn(&self, caller: &AccountId) -> Result<Share<AccountId>, Reply> {
        let busy = |text, retry_ms| Reply::busy(StatusCode::TOO_MANY_REQUESTS, text, retry_ms);
        let now = self.options.clock.unix_ns();
        self.pace
            .take(caller, now)
            .map_err(|ms| busy("too many requests a second", ms))?;
        self.pending
            .take(*caller, 1)
            .ok_or_else(|| busy("too many requests at once", PENDING_RETRY_MS))
    }

    async fn serve(&self, caller: &AccountId, route: Route, body: Vec<u8>) -> Reply {
        let time = self.options.handler_time;
        let served = match route {
            Route::Describe => tokio::time::timeout(time, self.describe(caller)).await,
            Route::Challenge {
                session,
                step,
                solver,
                timeout,
            } => {
                let task = TaskReceived {
                    session,
                    step,
                    solver,
                    payload: body,
                    timeout,
                };
                tokio::time::timeout(time, self.challenge(caller, task)).await
            }
            Route::End { session } => {
                let ended = self.service.end_session(caller, &session);
                let said = |()| Ok(Reply::ok(JSON, b"{}".to_vec()));
                tokio::time::timeout(time, ended).await.map(said)
            }
        };
        let late = || Err(Refusal::Failed("it took too long".to_owned()));
        served
            .unwrap_or_else(|_| late())
            .unwrap_or_else(Reply::from)
    }

    async fn describe(&self, caller: &AccountId) -> Result<Reply, Refusal> {
        let described = self.service.describe(caller).await?;
        description::check(&described).map_err(|why| Refusal::Failed(why.to_owned()))?;
        let json =
            serde_json::to_vec(&described).map_err(|error| Refusal::Failed(error.to_string()))?;
        Ok(Reply::ok(JSON, json))
    }

    async fn challenge(&self, caller: &AccountId, task: TaskReceived) -> Result<Reply, Refusal> {
        let answer = self.service.challenge(caller, task).await?;
        if answer.len() > PAYLOAD_BYTES_MAX {
            return Err(Refusal::Failed("the answer is too large".to_owned()));
        }
        Ok(Reply::ok(OCTETS, answer))
    }

    fn to_caller(&self, caller: &Caller, reply: Reply) -> Response<Full<Bytes>> {
        let answered = twresp::Answered {
            nonce: caller.nonce,
            asker: &caller.text,
            status: reply.status.as_u16(),
            body: &reply.body,
        };
        let proof = twresp::sign(self.signer.as_ref(), answered);
        let mut response = response(reply);
        response.headers_mut().extend(proof);
        response
    }
}

fn route_of(head: &Parts) -> Result<(&str, Route), Reply> {
    let not_found = || Reply::detail(StatusCode::NOT_FOUND, "no such path");
    // An absolute target names a host that nobody signed for.
    if head.uri.authority().is_some() {
        return Err(not_found());
    }
    let target = head.uri.path_and_query().ok_or_else(not_found)?.as_str();
    let route = route::read(target).ok_or_else(not_found)?;
    if head.method != Method::POST {
        return Err(Reply::detail(StatusCode::METHOD_NOT_ALLOWED, "POST only"));
    }
    if !is_typed(&route, &head.headers) {
        return Err(Reply::detail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "tasks are application/octet-stream, all else is application/json",
        ));
    }
    Ok((target, route))
}

fn is_typed(route: &Route, headers: &HeaderMap) -> bool {
    match route {
        // Its body is empty, so it needs no type.
        Route::Describe | Route::End { .. } if !headers.contains_key(CONTENT_TYPE) => true,
        Route::Describe | Route::End { .. } => content_type(headers).as_deref() == Some(JSON),
        Route::Challenge { .. } => content_type(headers).as_deref() == Some(OCTETS),
    }
}

fn unproven(error: AuthError) -> Reply {
    match error {
        AuthError::TooManyNonces | AuthError::TooManyCallers => Reply::busy(
            StatusCode::TOO_MANY_REQUESTS,
            &error.to_string(),
            PENDING_RETRY_MS,
        ),
        _ => Reply::detail(StatusCode::UNAUTHORIZED, &error.to_string()),
    }
}

fn to_stranger(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = response(reply);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if reply.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
