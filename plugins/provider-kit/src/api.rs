//! A JSON API: one origin, one credential, one time limit.

use serde::{Serialize, de::DeserializeOwned};

use crate::http::{Effect, exchange, refusal};
use crate::text::said;
use crate::{Auth, Failure, Header, Method, Outside, Request, Response};

/// Where and as whom requests go.
#[derive(Clone, Copy)]
pub struct Api<'a> {
    /// What carries them.
    pub outside: &'a dyn Outside,
    /// `https://api.example.com`
    pub origin: &'a str,
    /// The credential's name; it goes as a bearer token.
    pub credential: &'a str,
    /// For each request.
    pub timeout_ms: u32,
}

impl Api<'_> {
    /// Reads.
    pub fn get(&self, path: &str) -> Result<Response, Failure> {
        self.send(Method::Get, path, Vec::new(), Effect::None)
    }

    /// Sends a document that may cost money.
    pub fn post(&self, path: &str, document: &impl Serialize) -> Result<Response, Failure> {
        let body = serde_json::to_vec(document)
            .map_err(|error| Failure::Unsupported(format!("no JSON: {error}")))?;
        self.send(Method::Post, path, body, Effect::Perhaps)
    }

    /// Ends something.
    pub fn delete(&self, path: &str) -> Result<Response, Failure> {
        self.send(Method::Delete, path, Vec::new(), Effect::Perhaps)
    }

    /// A failure that any provider's status stands for, before its words.
    #[must_use]
    pub fn refusal(&self, response: &Response) -> Option<Failure> {
        let words = said(&String::from_utf8_lossy(&response.body));
        refusal(response, self.outside.now_s(), &words)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        effect: Effect,
    ) -> Result<Response, Failure> {
        let header = |name: &str, value: &str| Header {
            name: name.into(),
            value: value.into(),
        };
        let mut headers = vec![header("accept", "application/json")];
        if !body.is_empty() {
            headers.push(header("content-type", "application/json"));
        }
        let request = Request {
            method,
            url: format!("{}{path}", self.origin),
            headers,
            body,
            auth: Auth::Bearer(self.credential.to_owned()),
            timeout_ms: self.timeout_ms,
        };
        exchange(self.outside, &request, effect)
    }
}

/// Reads an answer. One that is not what its description says may still have
/// had its effect.
pub fn read<T: DeserializeOwned>(response: &Response) -> Result<T, Failure> {
    serde_json::from_slice(&response.body).map_err(|error| {
        let error = said(&error.to_string());
        Failure::Upstream(format!(
            "the answer is not what its description says: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{Scripted, answer};

    #[test]
    fn a_request_names_its_credential_and_holds_none() {
        let outside = Scripted::answers(vec![Ok(answer(200, "[1]"))]);
        let api = Api {
            outside: &outside,
            origin: "https://a.b",
            credential: "key",
            timeout_ms: 9,
        };
        let response = api.post("/c", &[1, 2]).unwrap();
        assert_eq!(read::<Vec<u8>>(&response).unwrap(), [1]);
        let sent = outside.sent.borrow();
        assert_eq!(sent[0].url, "https://a.b/c");
        assert_eq!(sent[0].auth, Auth::Bearer("key".into()));
        assert_eq!(sent[0].body, b"[1,2]");
    }

    #[test]
    fn an_answer_nobody_understands_may_have_had_its_effect() {
        for body in ["", "<html>", "{\"a\":", "{}", "null"] {
            assert!(matches!(
                read::<Vec<u8>>(&answer(200, body)),
                Err(Failure::Upstream(_))
            ));
        }
    }
}
