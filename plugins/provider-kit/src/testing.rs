//! A scripted outside world: answers, a clock that tests set, and what was sent.

pub mod cloud;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use crate::{Auth, Header, HttpError, Level, Method, Outside, Query, Request, Response};
use cloud::{Answer, Asked, Cloud, Troubled};

/// What answers a request.
type Server = Box<dyn FnMut(&Request) -> Result<Response, HttpError>>;

/// An [`Outside`] whose every answer the test decides.
pub struct Scripted {
    server: RefCell<Server>,
    /// Every request, in order.
    pub sent: RefCell<Vec<Request>>,
    /// Unix seconds.
    pub now_s: Cell<u64>,
    /// How long the adapter waited in all.
    pub paused_ms: Cell<u64>,
    /// What it logged.
    pub lines: RefCell<Vec<String>>,
}

impl Scripted {
    /// Asks `server` for every answer.
    #[must_use]
    pub fn by(server: impl FnMut(&Request) -> Result<Response, HttpError> + 'static) -> Self {
        Self {
            server: RefCell::new(Box::new(server)),
            sent: RefCell::default(),
            now_s: Cell::new(1_795_336_200),
            paused_ms: Cell::new(0),
            lines: RefCell::default(),
        }
    }

    /// Gives these answers, one a request, and none after the last.
    #[must_use]
    pub fn answers(answers: Vec<Result<Response, HttpError>>) -> Self {
        let mut answers = VecDeque::from(answers);
        Self::by(move |_| {
            let over = || Err(HttpError::Malformed("nothing more in the script".into()));
            answers.pop_front().unwrap_or_else(over)
        })
    }

    /// Nobody answers.
    #[must_use]
    pub fn silent() -> Self {
        Self::by(|_| Err(HttpError::TimedOut))
    }

    /// The bodies of what was sent, as text.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        let sent = self.sent.borrow();
        let body = |request: &Request| String::from_utf8_lossy(&request.body).into_owned();
        sent.iter().map(body).collect()
    }
}

impl Outside for Scripted {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.sent.borrow_mut().push(request.clone());
        (self.server.borrow_mut())(request)
    }

    fn now_s(&self) -> u64 {
        self.now_s.get()
    }

    fn random(&self) -> Result<[u8; 32], String> {
        Ok([7; 32])
    }

    fn pause(&self, pause_ms: u64) {
        self.paused_ms.set(self.paused_ms.get() + pause_ms);
    }

    fn log(&self, _level: Level, line: &str) {
        self.lines.borrow_mut().push(line.to_owned());
    }
}

/// Without a socket in between: a credential named `x` goes as the token `x`, and
/// more than `bytes_max` bytes are more than the node takes.
pub fn served<C: Cloud + 'static>(cloud: &Rc<RefCell<Troubled<C>>>, bytes_max: usize) -> Scripted {
    let cloud = cloud.clone();
    Scripted::by(move |request| {
        let authorization = match &request.auth {
            Auth::Bearer(name) => Some(format!("Bearer {name}")),
            _ => None,
        };
        let after_origin = request
            .url
            .len()
            .min(crate::http::origin(&request.url).len());
        let asked = Asked {
            method: method(request.method),
            target: &request.url[after_origin..],
            authorization: authorization.as_deref(),
            body: &request.body,
        };
        let answer = cloud
            .borrow_mut()
            .answer(&asked)
            .ok_or(HttpError::TimedOut)?;
        if answer.body.len() > bytes_max {
            return Err(HttpError::TooLarge);
        }
        Ok(response(answer))
    })
}

fn response(answer: Answer) -> Response {
    let header = |(name, value)| Header { name, value };
    Response {
        status: answer.status,
        headers: answer.headers.into_iter().map(header).collect(),
        body: answer.body,
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// A table of settings.
#[must_use]
pub fn table(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

/// Asks for whatever there is.
#[must_use]
pub fn any() -> Query {
    Query {
        gpu_model: None,
        gpu_count: None,
        gpu_memory_mib: None,
        region: None,
        price_micro_usd_per_hour_max: None,
        labels: vec![],
    }
}

/// An answer with a status and a body.
#[must_use]
pub fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: vec![],
        body: body.as_bytes().to_vec(),
    }
}

/// The same with a header.
#[must_use]
pub fn answer_with(status: u16, name: &str, value: &str, body: &str) -> Response {
    let header = Header {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    Response {
        headers: vec![header],
        ..answer(status, body)
    }
}
