//! One server, exactly: scheme, host and port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The longest origin, in bytes: a name has at most 253.
const ORIGIN_BYTES_MAX: usize = 300;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// With TLS.
    Https,
    /// In the open; to this very machine only.
    Http,
}

impl Scheme {
    /// As it is written in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// A scheme, a host and a port. There is no wildcard: `https://a.example` is
/// neither `https://b.a.example` nor `https://a.example:8443`.
///
/// The host is as the URL standard writes it: lower case, punycode, addresses in
/// their usual form, IPv6 in brackets. Two spellings of one server are one origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why something is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL with a host.
    #[error("it must be like https://api.example.com or https://api.example.com:8443")]
    NotAnOrigin,
    /// Neither https nor, for this machine, http.
    #[error("it must be https; http is for 127.0.0.1, [::1] and localhost only")]
    NotEncrypted,
    /// Another name for the same server to some, not to others.
    #[error("its host must not end in a dot")]
    TrailingDot,
    /// Nothing listens there.
    #[error("its port must not be 0")]
    PortZero,
    /// It says more than an origin, or in other words.
    #[error("write it as {0}")]
    Otherwise(Origin),
}

impl Origin {
    /// Where a request for `url` goes.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(OriginError::NotEncrypted),
        };
        let host = url.host_str().ok_or(OriginError::NotAnOrigin)?;
        // The standard lets more pass than a name can have, `*` for one.
        if let Some(Host::Domain(name)) = url.host()
            && !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            return Err(OriginError::NotAnOrigin);
        }
        if host.ends_with('.') {
            return Err(OriginError::TrailingDot);
        }
        let origin = Self {
            scheme,
            host: host.to_owned(),
            port: url.port().unwrap_or(scheme.default_port()),
        };
        if origin.port == 0 {
            return Err(OriginError::PortZero);
        }
        if scheme == Scheme::Http && !origin.is_loopback() {
            return Err(OriginError::NotEncrypted);
        }
        Ok(origin)
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name or an address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        match Host::parse(&self.host) {
            Ok(Host::Ipv4(v4)) => Some(v4.into()),
            Ok(Host::Ipv6(v6)) => Some(v6.into()),
            _ => None,
        }
    }

    /// Whether its host says that it is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.address() {
            Some(address) => address.is_loopback(),
            None => self.host == "localhost",
        }
    }

    /// As the `Host` header has it.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads exactly what its `Display` gives, so that a grant means what it says.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.len() > ORIGIN_BYTES_MAX {
            return Err(OriginError::NotAnOrigin);
        }
        let url = Url::parse(text).map_err(|_| OriginError::NotAnOrigin)?;
        let origin = Self::of(&url)?;
        if origin.to_string() == text {
            Ok(origin)
        } else {
            Err(OriginError::Otherwise(origin))
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(url: &str) -> Result<String, OriginError> {
        Origin::of(&Url::parse(url).unwrap()).map(|origin| origin.to_string())
    }

    #[test]
    fn every_spelling_of_a_server_is_one_origin() {
        for (url, origin) in [
            ("HTTPS://API.Example.COM/v1?q#f", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            (
                "https://user:pass@api.example.com/",
                "https://api.example.com",
            ),
            (
                "https://api.example.com\\@evil.test/",
                "https://api.example.com",
            ),
            ("https://%61pi.example.com/", "https://api.example.com"),
            ("https://bücher.example/", "https://xn--bcher-kva.example"),
            ("https://2130706433/", "https://127.0.0.1"),
            ("https://0177.0.0.1/", "https://127.0.0.1"),
            ("https://0x7f.1/", "https://127.0.0.1"),
            ("https://[0:0::1]:8443/", "https://[::1]:8443"),
            ("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
            ("http://localhost/", "http://localhost"),
        ] {
            assert_eq!(of(url).as_deref(), Ok(origin), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_or_is_not_encrypted_is_no_origin() {
        for (url, error) in [
            ("https://api.example.com./", OriginError::TrailingDot),
            ("https://api.example.com:0/", OriginError::PortZero),
            ("http://api.example.com/", OriginError::NotEncrypted),
            ("http://10.0.0.1/", OriginError::NotEncrypted),
            ("http://localhost.evil.test/", OriginError::NotEncrypted),
            ("ftp://api.example.com/", OriginError::NotEncrypted),
            ("file:///etc/passwd", OriginError::NotEncrypted),
        ] {
            assert_eq!(of(url), Err(error), "{url}");
        }
    }

    #[test]
    fn a_grant_is_written_in_one_way_only() {
        for text in [
            "https://api.example.com",
            "http://127.0.0.1:5000",
            "https://[::1]:8443",
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        for (text, hint) in [
            ("https://api.example.com/", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("https://API.example.com", "https://api.example.com"),
            ("https://x@api.example.com", "https://api.example.com"),
            ("https://0x7f.1", "https://127.0.0.1"),
        ] {
            let error = text.parse::<Origin>().unwrap_err();
            assert_eq!(error.to_string(), format!("write it as {hint}"), "{text}");
        }
        for text in [
            "",
            "api.example.com",
            "https://*.example.com/",
            "https://",
            "https://a b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_origin_reads_what_it_writes(text in "https?://[a-zA-Z0-9.:@\\[\\]%\u{fc}\u{3002}_-]{1,40}(:[0-9]{1,5})?/?") {
            if let Ok(origin) = Url::parse(&text).map_err(|_| OriginError::NotAnOrigin).and_then(|url| Origin::of(&url)) {
                proptest::prop_assert_eq!(origin.to_string().parse::<Origin>(), Ok(origin));
            }
        }
    }
}
