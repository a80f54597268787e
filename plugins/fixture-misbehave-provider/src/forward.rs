//! A cloud that a test plays: each function is a request to its server.
//!
//! `POST <origin>/offers` with the query, `/provision` with the order, `/inspect`
//! and `/terminate` with `{"id"}`, `/extend` with `{"id", "ends_at"}`, `/instances`
//! with `null`; all JSON. The server answers 200 with `{"Ok": ..}` or `{"Err": ..}`.
//! Anything else is `upstream`. The settings `auth` (`bearer`, `basic`, `header`,
//! `sigv4`), `credential`, `header`, `region`, `service` and `timeout-ms` say how.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    bindings::{
        compute::subnet::http::{
            self, Auth, Header, HeaderAuth, Method, Request, Response, Sigv4Auth,
        },
        exports::compute::subnet::provider::Failure,
    },
    setting,
};

const TIMEOUT_MS: u32 = 30_000;

pub(crate) fn ask<T: DeserializeOwned>(
    origin: &str,
    function: &str,
    asked: &impl Serialize,
) -> Result<T, Failure> {
    let response = http::send(&Request {
        method: Method::Post,
        url: format!("{origin}/{function}"),
        headers: vec![Header {
            name: "content-type".to_owned(),
            value: "application/json".to_owned(),
        }],
        body: serde_json::to_vec(asked).map_err(upstream)?,
        auth: auth(),
        timeout_ms: setting("timeout-ms").parse().unwrap_or(TIMEOUT_MS),
    });
    match response {
        Ok(Response {
            status: 200, body, ..
        }) => read(&body),
        Ok(other) => Err(Failure::Upstream(format!("status {}", other.status))),
        Err(error) => Err(Failure::Upstream(format!("{error:?}"))),
    }
}

/// `{"Ok": ..}` or `{"Err": ..}`.
pub(crate) fn read<T: DeserializeOwned>(told: &[u8]) -> Result<T, Failure> {
    let mut told: Value = serde_json::from_slice(told).map_err(upstream)?;
    capitalise_states(&mut told);
    serde_json::from_value(told).map_err(upstream)?
}

fn upstream(error: serde_json::Error) -> Failure {
    Failure::Upstream(format!("the test's answer is none: {error}"))
}

/// The host writes `running` where the contract's own name is `Running`.
fn capitalise_states(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(capitalise_states),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(state) if name == "state" => {
                        let first = state.chars().take(1).map(|c| c.to_ascii_uppercase());
                        *state = first.chain(state.chars().skip(1)).collect();
                    }
                    other => capitalise_states(other),
                }
            }
        }
        _ => {}
    }
}

fn auth() -> Auth {
    let credential = setting("credential");
    match setting("auth").as_str() {
        "bearer" => Auth::Bearer(credential),
        "basic" => Auth::Basic(credential),
        "header" => Auth::Header(HeaderAuth {
            credential,
            header: setting("header"),
        }),
        "sigv4" => Auth::Sigv4(Sigv4Auth {
            credential,
            region: setting("region"),
            service: setting("service"),
        }),
        _ => Auth::Anonymous,
    }
}
