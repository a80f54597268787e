//! `http`: requests that a provider adapter asks the host to send.
//!
//! What is granted, and where a credential goes, is the business of whoever
//! implements [`Outbound`](crate::subnet::outbound::Outbound). Here is what a
//! call may take: time until its wall clock ends, and bytes until its budget
//! does.

use std::time::Duration;

use super::bindings::compute::subnet::http as wit;
use super::size::Size as _;
use crate::plugin::guest::Guest;
use crate::plugin::outside;
use crate::subnet::outbound::{Auth, Header, Method, OutboundError, Request, Response};

impl wit::Host for Guest {
    fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, wit::Error>> {
        self.take(0)?;
        self.note_handed_over(request.size_bytes());
        let request = read(request, outside::left(&self.time));
        let http = self.way.as_ref().and_then(|way| way.http.clone());
        let Some(http) = http else {
            let text = "nothing outside can be reached from here".into();
            return Ok(Err(wit::Error::Denied(text)));
        };
        match self.have_done(async move { http.send(request).await })? {
            Ok(response) => {
                self.take(size_bytes(&response))?;
                Ok(Ok(written(response)))
            }
            Err(error) => Ok(Err(failure(error))),
        }
    }
}

fn read(request: wit::Request, left: Duration) -> Request {
    Request {
        method: method(request.method),
        url: request.url,
        headers: request.headers.into_iter().map(header).collect(),
        body: request.body,
        auth: auth(request.auth),
        timeout: Duration::from_millis(request.timeout_ms.into()).min(left),
    }
}

fn method(method: wit::Method) -> Method {
    match method {
        wit::Method::Get => Method::Get,
        wit::Method::Head => Method::Head,
        wit::Method::Post => Method::Post,
        wit::Method::Put => Method::Put,
        wit::Method::Patch => Method::Patch,
        wit::Method::Delete => Method::Delete,
    }
}

fn header(header: wit::Header) -> Header {
    Header {
        name: header.name,
        value: header.value,
    }
}

fn auth(auth: wit::Auth) -> Auth {
    match auth {
        wit::Auth::Anonymous => Auth::Anonymous,
        wit::Auth::Bearer(credential) => Auth::Bearer(credential),
        wit::Auth::Basic(credential) => Auth::Basic(credential),
        wit::Auth::Header(auth) => Auth::Header {
            credential: auth.credential,
            header: auth.header,
        },
        wit::Auth::Sigv4(auth) => Auth::SigV4 {
            credential: auth.credential,
            region: auth.region,
            service: auth.service,
        },
    }
}

fn size_bytes(response: &Response) -> usize {
    let headers = response.headers.iter();
    let headers: usize = headers.map(|h| h.name.len() + h.value.len()).sum();
    headers + response.body.len()
}

fn written(response: Response) -> wit::Response {
    let headers = response.headers.into_iter().map(|header| wit::Header {
        name: header.name,
        value: header.value,
    });
    wit::Response {
        status: response.status,
        headers: headers.collect(),
        body: response.body,
    }
}

fn failure(error: OutboundError) -> wit::Error {
    match error {
        OutboundError::Denied(text) => wit::Error::Denied(text),
        OutboundError::UnknownCredential(name) => wit::Error::UnknownCredential(name),
        OutboundError::Malformed(text) => wit::Error::Malformed(text),
        OutboundError::TimedOut => wit::Error::TimedOut,
        OutboundError::TooLarge => wit::Error::TooLarge,
        OutboundError::OutOfBudget => wit::Error::OutOfBudget,
        OutboundError::Unreachable(text) => wit::Error::Unreachable(text),
    }
}
