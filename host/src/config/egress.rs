//! `[egress]`, `[plugins.NAME.grant]` and `[credentials.NAME]`: what plugins may
//! reach, with which credentials, and how much of it.
//!
//! ```toml
//! [plugins.provider-runpod.grant]
//! origins = ["https://api.runpod.io"]        # exact: scheme, host, port
//! private-origins = ["http://127.0.0.1:5000"] # may be loopback or private
//! machine = true                              # containers on this machine
//!
//! [credentials.runpod]
//! from = "file:~/.config/host/runpod.key"     # or env:NAME, keyring:SERVICE/ACCOUNT
//! as = "bearer"                               # or basic, header:NAME, sigv4
//! origins = ["https://api.runpod.io"]        # where it may go
//! plugins = ["provider-runpod"]               # who may have it sent
//! ```
//!
//! Says where secrets are; reads none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use crate::subnet::grant::{Credential, EgressLimits, Grant, Origin, Source, Usage};
use crate::subnet::text::escape;

use super::Folders;
use super::plugins::is_name;
use super::problem::Problem;
use super::reader::Reader;
use super::sections::millis;
use super::value::{Given, Value};

/// Origins or plugins of one list, at most.
const LIST_MAX: usize = 256;
/// The longest a call or a request may be given.
const TIME_MS_MAX: u64 = 600_000;
/// 1 GiB.
const KIB_MAX: u64 = 1 << 20;

/// `[egress]`
pub(super) fn limits(reader: &mut Reader, folders: &Folders) -> EgressLimits {
    let default = EgressLimits::default();
    let mut kib = |path, default| reader.integer(path, default, 1..=KIB_MAX);
    let sent = kib(
        "egress.sent-kib-per-call-max",
        default.sent_kib_per_call_max,
    );
    let received = kib(
        "egress.received-kib-per-call-max",
        default.received_kib_per_call_max,
    );
    let request = kib("egress.request-kib-max", default.request_kib_max);
    // A response is held in memory, whole.
    let response = reader.integer(
        "egress.response-kib-max",
        default.response_kib_max,
        1..=64 << 10,
    );
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(TIME_MS_MAX);
    EgressLimits {
        requests_per_call_max: reader.integer(
            "egress.requests-per-call-max",
            default.requests_per_call_max,
            1..=10_000,
        ),
        sent_kib_per_call_max: sent,
        received_kib_per_call_max: received,
        call_time: millis(
            reader,
            "egress.call-timeout-ms",
            ms(default.call_time),
            TIME_MS_MAX,
        ),
        request_time: millis(
            reader,
            "egress.request-timeout-ms",
            ms(default.request_time),
            TIME_MS_MAX,
        ),
        request_kib_max: request,
        response_kib_max: response,
        requests_per_day_max: reader.integer(
            "egress.requests-per-day-max",
            default.requests_per_day_max,
            1..=100_000_000,
        ),
        mib_per_day_max: reader.integer(
            "egress.mib-per-day-max",
            default.mib_per_day_max,
            1..=KIB_MAX,
        ),
        ca_file: reader.text(
            "egress.ca-file",
            "",
            "a file of certificates in PEM",
            |text| (!text.is_empty()).then(|| folders.expand(text)),
        ),
    }
}

/// One key of `[plugins.NAME.grant]`.
pub(super) fn take_grant(grant: &mut Grant, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "origins" => {
            grant.origins = set(value)?;
            match grant.origins.iter().find(|origin| origin.is_loopback()) {
                None => Ok(()),
                Some(origin) => Err(format!(
                    "`{origin}` is this machine: it belongs to private-origins"
                )),
            }
        }
        "private-origins" => {
            grant.private_origins = set(value)?;
            Ok(())
        }
        "machine" => {
            grant.machine = value.as_flag().ok_or("must be true or false")?;
            Ok(())
        }
        _ => {
            Err("there is no such key; a grant has origins, private-origins and machine".to_owned())
        }
    }
}

/// `[credentials.NAME]`
pub(super) fn credentials(reader: &mut Reader, folders: &Folders) -> BTreeMap<String, Credential> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (path, given) in reader.take_below("credentials.") {
        let taken = match path.split_once('.') {
            Some((name, key)) if is_name(name) => {
                drafts.entry(name.to_owned()).or_default().take(key, &given, folders)
            }
            _ => Err("a credential is `[credentials.NAME]`, NAME in lower case letters, digits and dashes".to_owned()),
        };
        if let Err(message) = taken {
            let message = format!("`credentials.{}`: {message}", escape(&path));
            reader.problems.push(Problem::of(given.source, message));
        }
    }
    let mut credentials = BTreeMap::new();
    for (name, draft) in drafts {
        match draft.finish() {
            Ok(credential) => {
                credentials.insert(name, credential);
            }
            Err(message) => {
                let message = format!("`credentials.{name}`: {message}");
                reader.problems.push(Problem::general(message));
            }
        }
    }
    credentials
}

/// A credential that is being read.
#[derive(Default)]
struct Draft {
    source: Option<Source>,
    usage: Usage,
    origins: BTreeSet<Origin>,
    plugins: BTreeSet<Name>,
}

impl Draft {
    fn take(&mut self, key: &str, given: &Given, folders: &Folders) -> Result<(), String> {
        match key {
            // A secret that was written in place of its whereabouts is not repeated.
            "from" => {
                let source = given.value.as_text().unwrap_or_default().parse()?;
                self.source = Some(match source {
                    Source::File(path) => Source::File(folders.expand(&path.to_string_lossy())),
                    other => other,
                });
            }
            "as" => self.usage = given.value.as_text().unwrap_or_default().parse()?,
            "origins" => self.origins = set(&given.value)?,
            "plugins" => self.plugins = set(&given.value)?,
            _ => {
                return Err(
                    "there is no such key; a credential has from, as, origins and plugins"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Credential, &'static str> {
        let source = self
            .source
            .ok_or("`from` is missing: env:VARIABLE, file:PATH or keyring:SERVICE/ACCOUNT")?;
        if self.origins.is_empty() || self.plugins.is_empty() {
            return Err("it is bound to nothing: name its `origins` and its `plugins`");
        }
        Ok(Credential {
            source,
            usage: self.usage,
            origins: self.origins,
            plugins: self.plugins.into_iter().map(|name| name.0).collect(),
        })
    }
}

/// A plugin's name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = || Self(text.to_owned());
        is_name(text).then(name).ok_or("is no plugin's name")
    }
}

fn set<T: Ord + FromStr<Err: Display>>(value: &Value) -> Result<BTreeSet<T>, String> {
    let texts = value
        .as_texts()
        .filter(|texts| texts.len() <= LIST_MAX)
        .ok_or_else(|| format!("must be a list of at most {LIST_MAX} texts"))?;
    let parse = |text: &str| {
        text.parse()
            .map_err(|why| format!("`{}`: {why}", escape(text)))
    };
    texts.into_iter().map(parse).collect()
}
