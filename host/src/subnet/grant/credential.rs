//! A credential as the configuration has it: where it is, who may use it where
//! and how. Never the secret itself.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::origin::Origin;

/// Variables of one credential, at most: an access key's id, its secret, its token.
const VARIABLES_MAX: usize = 3;
/// The longest name of a variable, a keyring's service or account, or a header.
const NAME_BYTES_MAX: usize = 128;

/// `[credentials.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `from`: where the secret is.
    pub source: Source,
    /// `as`: how it is put into a request.
    pub usage: Usage,
    /// `origins`: where it may go.
    pub origins: BTreeSet<Origin>,
    /// `plugins`: who may have it sent.
    pub plugins: BTreeSet<String>,
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `env:NAME`, or `env:ID,SECRET,TOKEN` for what has parts.
    Environment(Vec<String>),
    /// `file:PATH`; nobody else may read it.
    File(PathBuf),
    /// `keyring:SERVICE/ACCOUNT`, of the operating system.
    Keyring {
        /// Whose it is, usually a program's name.
        service: String,
        /// Which of its secrets.
        account: String,
    },
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "must be env:VARIABLE, file:PATH or keyring:SERVICE/ACCOUNT";
        let is_name = |name: &str| {
            (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
        };
        match text.split_once(':').ok_or(expected)? {
            ("env", names) => {
                let names: Vec<String> = names.split(',').map(str::to_owned).collect();
                let fits = |name: &String| is_name(name) && !name.contains('=');
                let valid = names.len() <= VARIABLES_MAX && names.iter().all(fits);
                valid.then_some(Self::Environment(names)).ok_or(expected)
            }
            ("file", path) if !path.is_empty() => Ok(Self::File(path.into())),
            ("keyring", place) => {
                let (service, account) = place.split_once('/').ok_or(expected)?;
                let valid = is_name(service) && is_name(account) && !account.contains('/');
                let keyring = || Self::Keyring {
                    service: service.to_owned(),
                    account: account.to_owned(),
                };
                valid.then(keyring).ok_or(expected)
            }
            _ => Err(expected),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(names) => write!(f, "env:{}", names.join(",")),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Keyring { service, account } => write!(f, "keyring:{service}/{account}"),
        }
    }
}

/// How a secret is put into a request. Pinned by the operator: a server that
/// guards one header may well repeat another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Usage {
    /// `Authorization: Bearer`
    #[default]
    Bearer,
    /// `Authorization: Basic`, as user without a password; or both, where the
    /// secret is `user:password`.
    Basic,
    /// In the header of this name, in lower case.
    Header(String),
    /// It signs and is not sent: AWS Signature Version 4.
    SigV4,
}

impl FromStr for Usage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "bearer" => Ok(Self::Bearer),
            "basic" => Ok(Self::Basic),
            "sigv4" => Ok(Self::SigV4),
            _ => {
                let name = text
                    .strip_prefix("header:")
                    .ok_or("must be bearer, basic, sigv4 or header:NAME")?;
                let name = name.to_ascii_lowercase();
                if !is_token(&name) {
                    return Err("must name a header after header:");
                }
                if is_repeated(&name) {
                    return Err(
                        "names a header that servers act upon or repeat, not one for a key",
                    );
                }
                Ok(Self::Header(name))
            }
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Basic => f.write_str("basic"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::SigV4 => f.write_str("sigv4"),
        }
    }
}

/// A header's name, in lower case.
fn is_token(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// Headers that steer a connection, or that servers are known to write into
/// answers: `Origin` into access control, `X-Request-Id` into everything.
fn is_repeated(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "connection",
        "cookie",
        "cookie2",
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "keep-alive",
        "location",
        "origin",
        "range",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-request-id",
        "x-correlation-id",
        "traceparent",
    ];
    const PREFIXES: [&str; 6] = [
        "accept",
        "access-control-",
        "content-",
        "if-",
        "proxy-",
        "x-forwarded-",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_source_reads_what_it_writes() {
        for text in [
            "env:RUNPOD_API_KEY",
            "env:AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY",
            "file:/run/secrets/runpod",
            "keyring:host/runpod",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "rpa_XYZ",
            "env:",
            "env:A,",
            "env:A,B,C,D",
            "env:A B",
            "file:",
            "keyring:host",
            "keyring:a/b/c",
            "vault:x",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_goes_into_no_header_that_comes_back() {
        for text in [
            "bearer",
            "basic",
            "sigv4",
            "header:x-api-key",
            "header:authorization",
        ] {
            assert_eq!(text.parse::<Usage>().unwrap().to_string(), text);
        }
        assert_eq!(
            "header:X-API-Key".parse(),
            Ok(Usage::Header("x-api-key".into()))
        );
        for name in [
            "host",
            "Origin",
            "cookie",
            "x-request-id",
            "content-type",
            "X-Forwarded-Host",
            "a b",
            "",
        ] {
            assert!(format!("header:{name}").parse::<Usage>().is_err(), "{name}");
        }
    }
}
