//! The subnet's own messages, as btauth/1 carries them.
//!
//! Refusals are `{"detail": "..."}`; everyone who proved who it is gets signed
//! answers ([`twresp`](super::super::twresp)). A replayed request does not: no
//! new signature for whoever plays a recording.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::super::btauth::Btauth;
use super::super::head::content_type;
use super::super::leases;
use super::super::route::{self, Route as Own};
use super::super::status::{JSON, OCTETS, Reply};
use super::super::twresp;
use super::super::verify::{AuthError, Caller, Canonicaliser};
use super::PENDING_RETRY_MS;
use super::answer::Answer;
use super::manner::{Came, Manner, No, Request, Route, Said};
use crate::subnet::key::Signer;
use crate::subnet::wire::{RentCall, TaskReceived};

/// Where the subnet's own messages are.
const PATHS: &str = "/compute-subnet/";

pub(super) struct OwnMessages {
    signer: Arc<dyn Signer>,
}

impl OwnMessages {
    pub(super) fn new(signer: Arc<dyn Signer>) -> Self {
        Self { signer }
    }

    fn to_caller(&self, caller: &Caller, reply: Reply) -> Response<Answer> {
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

impl Manner for OwnMessages {
    fn canonicaliser(&self) -> &dyn Canonicaliser {
        &Btauth
    }

    fn expects(&self, path: &str) -> bool {
        path.starts_with(PATHS)
    }

    fn route(&self, came: &Came) -> Result<Route, No> {
        let head = &came.head;
        // An absolute target names a host that nobody signed for.
        if head.uri.authority().is_some() {
            return Err(No::Path);
        }
        let target = head.uri.path_and_query().ok_or(No::Path)?.as_str();
        let route = route::read(target).ok_or(No::Path)?;
        if head.method != Method::POST {
            return Err(No::Method);
        }
        if !is_typed(&route, &head.headers) {
            return Err(No::ContentType);
        }
        Ok(Route::Own(route))
    }

    fn patience(&self, _came: &Came) -> Option<Duration> {
        None
    }

    fn read(&self, _came: &Came, route: Route, body: Vec<u8>) -> Result<Request, No> {
        match route {
            Route::Own(Own::Describe) => Ok(Request::Describe),
            Route::Own(Own::End { session }) => Ok(Request::End(session)),
            Route::Own(Own::Challenge {
                session,
                step,
                solver,
                timeout,
            }) => Ok(Request::Challenge(TaskReceived {
                session,
                step,
                solver,
                payload: body,
                timeout,
            })),
            Route::Own(Own::Order) => match leases::read_request(&body) {
                Ok(request) => Ok(Request::Rent(RentCall::Order(request))),
                Err(why) => Err(No::NotRented(why)),
            },
            Route::Own(Own::Rent(call)) => Ok(Request::Rent(call)),
            Route::Own(Own::Operate { operation }) => Ok(Request::Operate { operation, body }),
            Route::Synapse(_) => Err(No::Path),
        }
    }

    fn say(&self, _came: &Came, caller: &Caller, said: Said) -> Response<Answer> {
        let reply = match said {
            Said::Json(body) => Reply::ok(JSON, body),
            Said::Octets(body) => Reply::ok(OCTETS, body),
            // It reads no synapse, so there is none to answer.
            Said::Fields(..) | Said::Stream(..) => Reply::from(No::Path),
        };
        self.to_caller(caller, reply)
    }

    fn refuse(&self, _came: &Came, caller: Option<&Caller>, no: No) -> Response<Answer> {
        match caller {
            Some(caller) => self.to_caller(caller, no.into()),
            None => response(no.into()),
        }
    }
}

fn is_typed(route: &Own, headers: &HeaderMap) -> bool {
    match route {
        // Its body is empty, so it needs no type.
        Own::Describe | Own::End { .. } | Own::Rent(_) if !headers.contains_key(CONTENT_TYPE) => {
            true
        }
        Own::Describe | Own::End { .. } | Own::Rent(_) | Own::Order | Own::Operate { .. } => {
            content_type(headers).as_deref() == Some(JSON)
        }
        Own::Challenge { .. } => content_type(headers).as_deref() == Some(OCTETS),
    }
}

fn response(reply: Reply) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if reply.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

impl From<No> for Reply {
    fn from(no: No) -> Self {
        match no {
            No::Path => Self::detail(StatusCode::NOT_FOUND, "no such path"),
            No::Method => Self::detail(StatusCode::METHOD_NOT_ALLOWED, "POST only"),
            No::ContentType => Self::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "tasks are application/octet-stream, all else is application/json",
            ),
            No::Head(why) => Self::detail(StatusCode::BAD_REQUEST, &why),
            No::Unproven(error @ (AuthError::TooManyNonces | AuthError::TooManyCallers)) => {
                let text = error.to_string();
                Self::busy(StatusCode::TOO_MANY_REQUESTS, &text, PENDING_RETRY_MS)
            }
            No::Unproven(error) => Self::detail(StatusCode::UNAUTHORIZED, &error.to_string()),
            No::Body(trouble) => trouble.into(),
            No::Content(trouble) => Self::detail(StatusCode::BAD_REQUEST, &trouble.to_string()),
            No::OtherBody => Self::detail(StatusCode::BAD_REQUEST, "another body was signed"),
            No::NotAdmitted(refusal) | No::Refused(refusal) => refusal.into(),
            No::NotRented(error) => error.into(),
            No::Crowded { why, retry_ms } => {
                Self::busy(StatusCode::TOO_MANY_REQUESTS, why, retry_ms)
            }
            No::Late(_) => Self::detail(StatusCode::INTERNAL_SERVER_ERROR, "it took too long"),
        }
    }
}
