//! A provider adapter outside of any node, and a world that answers as a case says.
//!
//! Nothing is sent anywhere: each request takes the first answer of the case that
//! is for its method and URL and was not taken yet. What the adapter wants is
//! granted, but for `machine`, which nobody can act out in a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bench, Case, Outcome, failed, refused};
use crate::plugin::{Outside, lone};
use crate::subnet::outbound::{
    Auth, Egress, Header, Method, Outbound, OutboundError, Request, Response,
};
use crate::subnet::provider::{Order, ProviderAdapter, ProviderError, Query, Want};

/// One call of an adapter.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Call {
    Offers(Query),
    Provision(Order),
    Instances,
    Inspect(String),
    Extend { id: String, ends_at: u64 },
    Terminate(String),
}

/// What the world outside says to one request.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// In capitals, as HTTP has it.
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A text as it is; anything else as JSON.
    #[serde(default)]
    body: Value,
    /// Instead of all that, why there is no response.
    error: Option<Broken>,
}

/// Why there is no response.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Broken {
    Denied,
    TimedOut,
    TooLarge,
    OutOfBudget,
    Unreachable,
}

fn get() -> String {
    "GET".into()
}

fn ok() -> u16 {
    200
}

impl Bench {
    /// All calls of a case, in order, and the requests they sent.
    pub(super) async fn provide(&self, case: &Case) -> anyhow::Result<Outcome> {
        let script = Arc::new(Script::new(&case.http));
        let outside = Outside {
            egress: Some(Arc::new(Granted(script.clone()))),
            workloads: None,
        };
        let with = self.with(case);
        let provider = lone::provider(&self.engine, &self.bytes, with, outside).map_err(refused)?;
        let mut answers = Vec::new();
        for call in &case.calls {
            answers.push(match call.of(&*provider.adapter).await {
                Ok(answer) => json!({ "ok": answer }),
                Err(ProviderError::Plugin(error)) => return Err(failed(error)),
                Err(said) => json!({ "failed": said.to_string() }),
            });
        }
        Ok(Outcome {
            result: json!({
                "wants": provider.wants, "answers": answers, "requests": script.requests(),
            }),
            fuel: 0,
            memory_bytes: provider.used().memory_bytes.max,
        })
    }
}

impl Call {
    async fn of(&self, adapter: &dyn ProviderAdapter) -> Result<Value, ProviderError> {
        Ok(match self {
            Self::Offers(query) => json!(adapter.offers(query).await?),
            Self::Provision(order) => json!(adapter.provision(order).await?),
            Self::Instances => json!(adapter.instances().await?),
            Self::Inspect(id) => json!(adapter.inspect(id).await?),
            Self::Extend { id, ends_at } => json!(adapter.extend(id, *ends_at).await?),
            Self::Terminate(id) => json!(adapter.terminate(id).await?),
        })
    }
}

/// The answers that are left, and what was asked.
struct Script {
    answers: Mutex<Vec<Answer>>,
    requests: Mutex<Vec<Value>>,
}

impl Script {
    fn new(answers: &[Answer]) -> Self {
        Self {
            answers: Mutex::new(answers.to_vec()),
            requests: Mutex::default(),
        }
    }

    fn requests(&self) -> Vec<Value> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn take(&self, method: &str, url: &str) -> Result<Answer, OutboundError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |answer: &Answer| answer.method == method && answer.url == url;
        let Some(place) = answers.iter().position(fits) else {
            let text = format!("the case has no answer to {method} {url}");
            return Err(OutboundError::Unreachable(text));
        };
        Ok(answers.remove(place))
    }
}

#[async_trait]
impl Outbound for Script {
    async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let method = method(request.method);
        let seen = shown(method, &request);
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(seen);
        let answer = self.take(method, &request.url)?;
        match answer.error {
            None => Ok(answer.response()),
            Some(Broken::Denied) => Err(OutboundError::Denied("by the case".into())),
            Some(Broken::TimedOut) => Err(OutboundError::TimedOut),
            Some(Broken::TooLarge) => Err(OutboundError::TooLarge),
            Some(Broken::OutOfBudget) => Err(OutboundError::OutOfBudget),
            Some(Broken::Unreachable) => Err(OutboundError::Unreachable("by the case".into())),
        }
    }
}

impl Answer {
    fn response(self) -> Response {
        let headers = self.headers.into_iter().map(|(name, value)| Header {
            name: name.to_ascii_lowercase(),
            value,
        });
        let body = match self.body {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        Response {
            status: self.status,
            headers: headers.collect(),
            body: body.into_bytes(),
        }
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

/// A request as the result shows it; a body that is JSON as what it says.
fn shown(method: &str, request: &Request) -> Value {
    let auth = match &request.auth {
        Auth::Anonymous => Value::Null,
        Auth::Bearer(credential) => json!({ "bearer": credential }),
        Auth::Basic(credential) => json!({ "basic": credential }),
        Auth::Header { credential, header } => {
            json!({ "header": header, "credential": credential })
        }
        Auth::SigV4 {
            credential,
            region,
            service,
        } => json!({ "sigv4": credential, "region": region, "service": service }),
    };
    let headers = request.headers.iter();
    let headers: BTreeMap<&str, &str> = headers.map(|h| (&*h.name, &*h.value)).collect();
    let body = serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&request.body)));
    json!({
        "method": method, "url": request.url, "auth": auth, "headers": headers,
        "body": if request.body.is_empty() { Value::Null } else { body },
    })
}

/// Grants what is wanted, since nothing is behind it.
struct Granted(Arc<Script>);

impl Egress for Granted {
    fn open(&self, _: &str, _: &[Want]) -> Arc<dyn Outbound> {
        self.0.clone()
    }

    fn missing(&self, _: &str, _: &[Want]) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(url: &str) -> Request {
        Request {
            method: Method::Get,
            url: url.into(),
            headers: vec![],
            body: vec![],
            auth: Auth::Bearer("key".into()),
            timeout: std::time::Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn each_answer_of_a_case_is_given_once_and_every_request_is_kept() {
        let answers = json!([
            { "url": "https://a.example/x", "body": { "n": 1 } },
            { "url": "https://a.example/x", "status": 429, "headers": { "Retry-After": "3" } },
            { "url": "https://a.example/y", "error": "timed-out" },
        ]);
        let script = Script::new(&serde_json::from_value::<Vec<Answer>>(answers).unwrap());
        let first = script.send(request("https://a.example/x")).await.unwrap();
        assert_eq!((first.status, &*first.body), (200, &b"{\"n\":1}"[..]));
        let second = script.send(request("https://a.example/x")).await.unwrap();
        assert_eq!(
            (second.status, &*second.headers[0].name),
            (429, "retry-after")
        );
        let third = script.send(request("https://a.example/x")).await;
        assert!(matches!(third, Err(OutboundError::Unreachable(text)) if text.contains("GET")));
        let fourth = script.send(request("https://a.example/y")).await;
        assert_eq!(fourth, Err(OutboundError::TimedOut));
        assert_eq!(script.requests().len(), 4);
        assert_eq!(script.requests()[0]["auth"]["bearer"], "key");
    }
}
