//! Synapses, answered as a Python axon of bittensor 10 answers them.
//!
//! Statuses, messages and header names are Python's, lower case on the wire;
//! `bt_header_axon_status_code` is on every answer, so that a dendrite of
//! bittensor 10 counts a 200 as a success and one of another protocol sees, by
//! the 500, whom it speaks to. What is not copied:
//!
//! | captured from bittensor 10.5.0 | there | here |
//! |---|---|---|
//! | no signature (9.x and up to 10.4.1) | 200 | 401 |
//! | nonce an hour ahead | 200 | 401 |
//! | any nonce, from callers before 7.2.0 or without a version | 200 | 401 |
//! | two requests of one uuid that overtook one another | 401 | 200 |
//! | signature mismatch | echoes what was signed | only says so |
//! | blacklist | on the claimed hotkey, before the proof | on the proved one, after it |
//! | the caller, for the handler | what the body says | what the signature proves |
//! | the caller's timeout | widens the window at will | by 60 s at most |
//! | nonces | kept for ever, lost at restart | kept while fresh, older than the process: 401 |
//! | errors | signed for whoever asks | not signed: nobody checks it |
//! | the caller's nonce, signature and body hash | sent back | not sent back |
//! | `<Bytes>` around what was signed, upper-case digits | taken | 401 |
//! | a header twice | the last counts | 500 |

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use super::super::classic::json::NonFinite;
use super::super::classic::{self, Classic, Envelope, Head, PING, Table, Terminal, write_body};
use super::super::status::{JSON, Reply};
use super::super::verify::{AuthError, Caller, Canonicaliser};
use super::answer::Answer;
use super::manner::{Came, Manner, No, Request, Route, Said};
use super::{PENDING_RETRY_MS, fault};
use crate::subnet::key::AccountId;
use crate::subnet::synapse::Fields;
use crate::subnet::text::escape;
use crate::subnet::wire::{Refusal, SynapseReceived};

/// What a streaming synapse is answered as, whatever its chunks are.
const EVENT_STREAM: &str = "text/event-stream";
/// Where a caller names no timeout.
const TIMEOUT_S: f64 = 12.0;
/// The longest anybody waits: a day, so that no number is too large for a clock.
const PATIENCE_S_MAX: f64 = 86_400.0;

pub(super) struct Synapses {
    me: String,
    table: Table,
}

impl Synapses {
    pub(super) fn new(me: &AccountId, table: Table) -> Self {
        Self {
            me: me.to_ss58(),
            table,
        }
    }

    fn head(&self, came: &Came, name: &str, status: StatusCode, message: &str) -> Head {
        let asked = came.classic().ok();
        Head {
            name: Some(name.to_owned()),
            timeout_s: asked.and_then(|asked| asked.timeout_s).or(Some(TIMEOUT_S)),
            axon: Terminal {
                status_code: Some(status.as_u16()),
                status_message: Some(message.to_owned()),
                process_time_s: Some(came.at.elapsed().as_secs_f64()),
                ip: asked.and_then(|asked| asked.axon.ip.clone()),
                port: asked.and_then(|asked| asked.axon.port),
                hotkey: Some(self.me.clone()),
                ..Terminal::default()
            },
            ..Head::default()
        }
    }

    /// The head of a 200; a caller's own words about itself go back to it, but
    /// for those that it signed.
    fn success(&self, came: &Came, caller: &Caller, name: &str) -> Head {
        let mut head = self.head(came, name, StatusCode::OK, "Success");
        let asked = came.classic().ok().map(|asked| &asked.dendrite);
        head.dendrite = Terminal {
            ip: asked.and_then(|asked| asked.ip.clone()),
            version: asked.and_then(|asked| asked.version),
            uuid: asked.and_then(|asked| asked.uuid.clone()),
            hotkey: Some(caller.text.clone()),
            ..Terminal::default()
        };
        head
    }

    fn fields(&self, came: &Came, caller: &Caller, name: &str, fields: Fields) -> Response<Answer> {
        let Some(Ok(fields)) = self.table.get(name).map(|entry| entry.complete(fields)) else {
            let fault = Refusal::Failed(format!("the answer is no {name}"));
            return self.refuse(came, Some(caller), No::Refused(fault));
        };
        let head = self.success(came, caller, name);
        let envelope = Envelope {
            name: name.to_owned(),
            timeout_s: head.timeout_s,
            dendrite: head.dendrite.clone(),
            axon: head.axon.clone(),
        };
        let body = write_body(&envelope, &fields, NonFinite::AsNull);
        response(StatusCode::OK, JSON, &head, Answer::whole(body))
    }

    fn message(&self, came: &Came, status: StatusCode, message: &str) -> Response<Answer> {
        let name = name_of(&came.head);
        let name = self.table.get(name).map_or(PING, |_| name);
        self.message_as(name, came, status, message)
    }

    fn message_as(
        &self,
        name: &str,
        came: &Came,
        status: StatusCode,
        message: &str,
    ) -> Response<Answer> {
        let head = self.head(came, name, status, message);
        let body = json!({ "message": message }).to_string();
        response(status, JSON, &head, Answer::whole(body))
    }

    fn crowded(&self, came: &Came, status: StatusCode, message: &str, ms: u32) -> Response<Answer> {
        let mut response = self.message(came, status, message);
        let seconds = ms.div_ceil(1000);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    }

    fn refused(&self, came: &Came, refusal: &Refusal) -> Response<Answer> {
        let text = refusal.to_string();
        match refusal {
            Refusal::Busy(ms) => self.crowded(came, StatusCode::SERVICE_UNAVAILABLE, &text, *ms),
            Refusal::Failed(why) => self.own_fault(came, why),
            other => self.message(came, Reply::from(other.clone()).status, &escape(&text)),
        }
    }

    /// Python's words for whatever it did not expect; the log says what it was.
    fn own_fault(&self, came: &Came, why: &str) -> Response<Answer> {
        let said = internal_error(came, why);
        self.message(came, StatusCode::INTERNAL_SERVER_ERROR, &said)
    }

    fn content(&self, came: &Came, trouble: &classic::BodyTrouble) -> Response<Answer> {
        let detail = match trouble {
            classic::BodyTrouble::NotJson(wrong) => json!([{
                "type": "json_invalid",
                "loc": ["body", wrong.at],
                "msg": "JSON decode error",
                "input": {},
                "ctx": { "error": wrong.what },
            }]),
            classic::BodyTrouble::NotText => json!(trouble.to_string()),
            other => return self.own_fault(came, &other.to_string()),
        };
        let status = match trouble {
            classic::BodyTrouble::NotText => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let body = json!({ "detail": detail }).to_string();
        response(status, JSON, &Head::default(), Answer::whole(body))
    }
}

impl Manner for Synapses {
    fn canonicaliser(&self) -> &dyn Canonicaliser {
        &Classic
    }

    fn expects(&self, _path: &str) -> bool {
        true
    }

    fn route(&self, came: &Came) -> Result<Route, No> {
        let head = &came.head;
        // An absolute target names a host that nobody asked for.
        if head.uri.authority().is_some() {
            return Err(No::Path);
        }
        let name = name_of(head);
        let entry = self.table.get(name).ok_or(No::Path)?;
        if head.method != Method::POST && head.method != Method::GET {
            return Err(No::Method);
        }
        let claimed = came.classic()?;
        if !self.canonicaliser().speaks(&head.headers) {
            return Err(No::Head("no header of the protocol".to_owned()));
        }
        entry
            .check_announced(claimed)
            .map_err(|trouble| No::Head(trouble.to_string()))?;
        Ok(Route::Synapse(name.to_owned()))
    }

    fn patience(&self, came: &Came) -> Option<Duration> {
        let timeout_s = came.classic().ok()?.timeout_s?;
        let usual = timeout_s > 0.0 && timeout_s <= PATIENCE_S_MAX;
        usual.then(|| Duration::from_secs_f64(timeout_s))
    }

    fn read(&self, came: &Came, route: Route, body: Vec<u8>) -> Result<Request, No> {
        let Route::Synapse(name) = route else {
            return Err(No::Path);
        };
        let entry = self.table.get(&name).ok_or(No::Path)?;
        let fields = entry.fields(&body).map_err(No::Content)?;
        let claimed = came.classic()?.computed_body_hash.as_deref();
        if claimed != Some(&*entry.body_hash(&fields)) {
            return Err(No::OtherBody);
        }
        if name == PING {
            return Ok(Request::Ping);
        }
        Ok(Request::Synapse(SynapseReceived { name, fields }))
    }

    fn say(&self, came: &Came, caller: &Caller, said: Said) -> Response<Answer> {
        match said {
            Said::Fields(name, fields) => self.fields(came, caller, &name, fields),
            Said::Stream(name, chunks) => {
                let head = self.success(came, caller, &name);
                response(StatusCode::OK, EVENT_STREAM, &head, Answer::chunks(chunks))
            }
            Said::Json(_) | Said::Octets(_) => self.own_fault(came, "not a synapse's answer"),
        }
    }

    fn refuse(&self, came: &Came, _caller: Option<&Caller>, no: No) -> Response<Answer> {
        match no {
            No::Path => {
                let (name, names) = (escape(name_of(&came.head)), self.table.names());
                let text = format!("Synapse name '{name}' not found. Available synapses {names}");
                self.message(came, StatusCode::NOT_FOUND, &text)
            }
            No::Method => self.message(came, StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            // Python knows no more of it by then than that it is a synapse.
            No::Head(why) => {
                let said = internal_error(came, &why);
                self.message_as(PING, came, StatusCode::INTERNAL_SERVER_ERROR, &said)
            }
            No::Unproven(error @ (AuthError::TooManyNonces | AuthError::TooManyCallers)) => {
                let text = error.to_string();
                self.crowded(came, StatusCode::TOO_MANY_REQUESTS, &text, PENDING_RETRY_MS)
            }
            No::Unproven(error) => {
                let text = format!("Not Verified with error: {}", in_pythons_words(&error));
                self.message(came, StatusCode::UNAUTHORIZED, &text)
            }
            No::Body(trouble) => {
                let (status, text) = trouble.status_and_text();
                self.message(came, status, &text)
            }
            No::Content(trouble) => self.content(came, &trouble),
            // It reads no order, so there is none to refuse.
            No::NotRented(error) => self.own_fault(came, &error.to_string()),
            No::OtherBody | No::ContentType => self.own_fault(came, "another body was signed"),
            No::NotAdmitted(Refusal::Forbidden(why)) => {
                let text = format!("Forbidden. Key is blacklisted: {}.", escape(&why));
                self.message(came, StatusCode::FORBIDDEN, &text)
            }
            No::NotAdmitted(refusal) | No::Refused(refusal) => self.refused(came, &refusal),
            No::Crowded { why, retry_ms } => {
                self.crowded(came, StatusCode::TOO_MANY_REQUESTS, why, retry_ms)
            }
            No::Late(time) => {
                let text = format!("Response timeout after: {:?}s", time.as_secs_f64());
                self.message(came, StatusCode::REQUEST_TIMEOUT, &text)
            }
        }
    }
}

fn internal_error(came: &Came, why: &str) -> String {
    let id = fault::id();
    tracing::debug!(peer = %came.peer, id, why = escape(why), "answered with a 500");
    format!("Internal Server Error #{id}")
}

/// What follows the first slash; a synapse's name has none.
fn name_of(head: &Parts) -> &str {
    let path = head.uri.path();
    path.strip_prefix('/').unwrap_or(path)
}

fn in_pythons_words(error: &AuthError) -> String {
    match error {
        AuthError::Stale { allowed, age } => format!(
            "Nonce is too old: acceptable delta is {:.2} seconds but request was {:.2} seconds old",
            allowed.as_secs_f64(),
            age.as_secs_f64()
        ),
        AuthError::Future(seconds) => {
            format!(
                "Nonce is too new: it is more than {seconds} seconds ahead of this axon's clock"
            )
        }
        AuthError::BeforeStart => {
            "Nonce is too old: this axon has only just started, try again".to_owned()
        }
        AuthError::Replayed => "Nonce is too old, a newer one was last processed".to_owned(),
        AuthError::BadSignature => "Signature mismatch".to_owned(),
        other => other.to_string(),
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    head: &Head,
    body: Answer,
) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = head.write();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
