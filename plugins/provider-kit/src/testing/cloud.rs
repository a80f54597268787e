//! Clouds of one's own: what an adapter's tests, and the host's, run against.
//!
//! A cloud is a state and a function from a request to an answer; whether a
//! socket is in between is no business of it. It refuses what its published
//! description would refuse, and goes wrong when it is told to. Uses nothing but
//! `serde_json`, so that the host's tests can include this file as it is.

use serde_json::{Value, json};

/// A request, as a server sees it.
pub struct Asked<'a> {
    /// `GET`
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Its value, if it was sent.
    pub authorization: Option<&'a str>,
    /// As it was sent.
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// Without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query's names and values, as they are written.
    #[must_use]
    pub fn query(&self) -> Vec<(&str, &str)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `200`
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it is sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// A document.
    #[must_use]
    pub fn json(status: u16, document: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: document.to_string().into_bytes(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503, and nothing was done.
    FailedBefore,
    /// Done, and then 502.
    FailedAfter,
    /// Done, and nobody answers.
    Silent,
    /// Done, and the answer is empty.
    Empty,
    /// Done, and the answer breaks off.
    CutShort,
    /// Done, and the answer has so many bytes more than it should.
    Huge(usize),
    /// 429, with this `retry-after` or none.
    TooMany(Option<&'static str>),
    /// Nothing was done, and the answer is this.
    Says(u16, String),
}

/// A provider's API.
pub trait Cloud {
    /// Answers one request.
    fn answer(&mut self, asked: &Asked<'_>) -> Answer;
}

/// A cloud, what will go wrong, and what was asked of it.
pub struct Troubled<C> {
    /// What answers.
    pub cloud: C,
    /// For the next request whose method and path begin so; each is used once.
    pub faults: Vec<(&'static str, Fault)>,
    /// `POST /v2/pods`, in order.
    pub asked: Vec<String>,
}

impl<C: Cloud> Troubled<C> {
    /// Nothing goes wrong.
    pub fn new(cloud: C) -> Self {
        Self {
            cloud,
            faults: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// `None` where nobody answers.
    pub fn answer(&mut self, asked: &Asked<'_>) -> Option<Answer> {
        let line = format!("{} {}", asked.method, asked.path());
        self.asked.push(line.clone());
        let due = self
            .faults
            .iter()
            .position(|(begin, _)| line.starts_with(begin));
        let Some((_, fault)) = due.map(|due| self.faults.remove(due)) else {
            return Some(self.cloud.answer(asked));
        };
        match fault {
            Fault::FailedBefore => Some(Answer::json(503, &json!({"title": "Unavailable"}))),
            Fault::Says(status, words) => Some(Answer {
                body: words.into_bytes(),
                ..Answer::json(status, &Value::Null)
            }),
            Fault::TooMany(after) => {
                let answer =
                    Answer::json(429, &json!({"title": "Too Many Requests", "status": 429}));
                Some(after.map_or(answer.clone(), |after| answer.with("retry-after", after)))
            }
            done => bent(done, self.cloud.answer(asked)),
        }
    }
}

/// An answer, after its request took effect.
fn bent(fault: Fault, mut answer: Answer) -> Option<Answer> {
    match fault {
        Fault::FailedAfter => answer = Answer::json(502, &json!({"title": "Bad Gateway"})),
        Fault::Empty => answer.body.clear(),
        Fault::CutShort => answer.body.truncate(answer.body.len() / 2),
        Fault::Huge(bytes) => answer.body.resize(answer.body.len() + bytes, b' '),
        _ => return None,
    }
    Some(answer)
}
