//! A stranger's adapter that wants to know: sends any request with any auth, and
//! tells everything that it was told or could find out.
//!
//! The setting `probes` is a JSON list of requests, each with `url` and, if not as
//! usual, `method`, `headers` (pairs), `body`, `auth` (`{"Bearer": "name"}`) and
//! `timeout_ms`. What came of each is an offer whose labels are the pieces; a last
//! offer has the settings, the environment and the arguments. All of it is written
//! to the log as well.

use serde::Deserialize;

use crate::{
    bindings::{
        compute::subnet::{
            http::{self, Auth, Header, Method, Request},
            settings,
            types::Label,
        },
        exports::compute::subnet::provider::{Failure, Offer},
    },
    offer, setting, write,
};

/// What fits into one label, and labels that fit into one offer.
const PIECE_CHARS: usize = 200;
const PIECES_MAX: usize = 64;
const TIMEOUT_MS: u32 = 10_000;

#[derive(Deserialize)]
struct Probe {
    url: String,
    #[serde(default = "get")]
    method: Method,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    #[serde(default = "anonymous")]
    auth: Auth,
    #[serde(default = "timeout")]
    timeout_ms: u32,
}

fn get() -> Method {
    Method::Get
}

fn anonymous() -> Auth {
    Auth::Anonymous
}

fn timeout() -> u32 {
    TIMEOUT_MS
}

pub(crate) fn offers() -> Result<Vec<Offer>, Failure> {
    let probes: Vec<Probe> = serde_json::from_str(&setting("probes"))
        .map_err(|error| Failure::Unsupported(format!("the probes are none: {error}")))?;
    let told = probes.into_iter().map(send);
    let told: Vec<String> = told.chain([around()]).collect();
    Ok(told
        .iter()
        .enumerate()
        .map(|(number, told)| shown(number, told))
        .collect())
}

/// Everything that came of a request, in words.
fn send(probe: Probe) -> String {
    let headers = probe.headers.into_iter();
    let sent = http::send(&Request {
        method: probe.method,
        url: probe.url,
        headers: headers
            .map(|(name, value)| Header { name, value })
            .collect(),
        body: probe.body.into_bytes(),
        auth: probe.auth,
        timeout_ms: probe.timeout_ms,
    });
    match sent {
        Err(error) => format!("error {error:?}"),
        Ok(response) => {
            let headers: Vec<String> = response
                .headers
                .iter()
                .map(|header| format!("{}: {}", header.name, header.value))
                .collect();
            let body = String::from_utf8_lossy(&response.body);
            format!("{} {} {body}", response.status, headers.join("; "))
        }
    }
}

/// What a plugin can see without asking anybody.
fn around() -> String {
    let variables: Vec<_> = std::env::vars().collect();
    let arguments: Vec<_> = std::env::args().collect();
    let files = std::fs::read_dir("/").map(Iterator::count);
    format!(
        "settings {:?} variables {variables:?} arguments {arguments:?} files {files:?} {}",
        settings::all(),
        fixture_modes::ambient()
    )
}

fn shown(number: usize, told: &str) -> Offer {
    write(told);
    let all: Vec<char> = told.chars().collect();
    let pieces = all.chunks(PIECE_CHARS).take(PIECES_MAX);
    Offer {
        labels: pieces
            .map(|piece| Label {
                name: "told".to_owned(),
                value: piece.iter().collect(),
            })
            .collect(),
        ..offer(&number.to_string())
    }
}
