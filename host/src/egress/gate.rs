//! Whether a request may go out: its origin, its address, its headers, its size.
//!
//! Decided before anything is looked up, read or sent. What a URL means is
//! decided once, by one parser, and only a URL that is written as the standard
//! wants it is taken at all: the host that was checked is the host that is called.
//!
//! Headers that a plugin may not set: those that carry credentials, that say
//! where a request goes or how it is framed, that change its method, and those
//! that make an answer unreadable to the scrubber (compressed, partial, in
//! another character set).

use std::cell::Cell;

use hyper::Method as HttpMethod;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use url::Url;

use crate::subnet::address::AddressPolicy;
use crate::subnet::grant::{Origin, OriginError, Scheme};
use crate::subnet::outbound::{Header, Method, OutboundError};
use crate::subnet::text::escape;

use super::aws;

/// The longest URL.
const URL_BYTES_MAX: usize = 8 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Names and values of all headers.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Who asks, unless the plugin says it.
const AGENT: &str = concat!("compute-subnet-host/", env!("CARGO_PKG_VERSION"));

/// A plugin may not set these. Prefixes end in `-`.
const FORBIDDEN: [&str; 33] = [
    // Credentials.
    "authorization",
    "cookie",
    "cookie2",
    "proxy-",
    // Where to, and how it is framed.
    "host",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "http2-settings",
    "expect",
    "forwarded",
    "via",
    "x-forwarded-",
    "x-forwarded",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-host",
    "x-real-ip",
    // Another method than it says; TRACE repeats everything.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "max-forwards",
    // Answers in which no secret would be found.
    "accept-encoding",
    "accept-charset",
    "range",
    "if-range",
    "request-range",
    "a-im",
];

/// Where a request goes.
pub(super) struct Way {
    pub(super) url: Url,
    pub(super) origin: Origin,
}

impl Way {
    /// Where `text` leads, if it is a URL and nothing but one.
    pub(super) fn parse(text: &str) -> Result<Self, OutboundError> {
        if text.len() > URL_BYTES_MAX {
            return Err(malformed(format!(
                "a URL has at most {URL_BYTES_MAX} bytes"
            )));
        }
        let violated = Cell::new(None);
        let note = |violation: url::SyntaxViolation| violated.set(Some(violation.description()));
        let url = Url::options()
            .syntax_violation_callback(Some(&note))
            .parse(text)
            .map_err(|why| malformed(format!("the URL: {why}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed(
                "a URL carries no credentials: name one in `auth`".to_owned(),
            ));
        }
        if url.fragment().is_some() {
            return Err(malformed("a fragment is not sent: leave it out".to_owned()));
        }
        if let Some(violation) = violated.get() {
            return Err(malformed(format!("the URL: {violation}")));
        }
        match Origin::of(&url) {
            Ok(origin) => Ok(Self { url, origin }),
            Err(why @ OriginError::NotEncrypted) => Err(OutboundError::Denied(why.to_string())),
            Err(why) => Err(malformed(format!("the URL: {why}"))),
        }
    }

    /// What is sent as the request's target.
    pub(super) fn target(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Whether `address` may be called.
    pub(super) fn check(
        &self,
        policy: AddressPolicy,
        address: &std::net::SocketAddr,
    ) -> Result<(), String> {
        policy.check(address).map_err(|why| why.to_string())?;
        if self.origin.scheme() == Scheme::Http && !address.ip().to_canonical().is_loopback() {
            return Err("http is for this machine only".to_owned());
        }
        Ok(())
    }
}

/// The headers as they are sent, but for the credential; `own` is the header that
/// the credential goes into.
pub(super) fn headers(
    way: &Way,
    given: &[Header],
    own: Option<&str>,
    signed: bool,
) -> Result<HeaderMap, OutboundError> {
    let bytes: usize = given.iter().map(|h| h.name.len() + h.value.len()).sum();
    if given.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(malformed(format!(
            "a request has at most {HEADERS_MAX} headers of {HEADER_BYTES_MAX} bytes"
        )));
    }
    let mut headers = HeaderMap::new();
    for Header { name, value } in given {
        let shown = escape(name);
        let no_header = |_| malformed(format!("`{shown}` is no header"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(no_header)?;
        let taken = signed && aws::WRITTEN.contains(&name.as_str());
        if is_forbidden(name.as_str()) || own == Some(name.as_str()) || taken {
            return Err(OutboundError::Denied(format!(
                "the header `{name}` is the host's"
            )));
        }
        if !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return Err(malformed(format!(
                "`{name}` is not visible ASCII and spaces"
            )));
        }
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| malformed(format!("`{name}` is not visible ASCII and spaces")))?;
        headers.append(name, value);
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(AGENT));
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let host = HeaderValue::from_str(&way.origin.authority());
    headers.insert(
        HOST,
        host.map_err(|_| malformed("the URL's host".to_owned()))?,
    );
    Ok(headers)
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.iter().any(|forbidden| {
        name == *forbidden || forbidden.ends_with('-') && name.starts_with(forbidden)
    })
}

pub(super) fn malformed(why: String) -> OutboundError {
    OutboundError::Malformed(why)
}

/// As HTTP has it.
pub(super) fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::GET,
        Method::Head => HttpMethod::HEAD,
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn way(url: &str) -> Result<String, OutboundError> {
        Way::parse(url).map(|way| format!("{} {}", way.origin, way.target()))
    }

    fn set(name: &str, value: &str) -> Result<HeaderMap, OutboundError> {
        let given = Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let way = Way::parse("https://api.example.com/v1").unwrap();
        headers(&way, &[given], Some("x-api-key"), true)
    }

    #[test]
    fn a_url_says_where_it_leads_in_one_way() {
        for (url, expected) in [
            ("https://api.example.com", "https://api.example.com /"),
            (
                "https://API.example.com:443/a/../b?q=1",
                "https://api.example.com /b?q=1",
            ),
            ("https://bücher.example/", "https://xn--bcher-kva.example /"),
            (
                "https://[2606:4700:0::1111]/",
                "https://[2606:4700::1111] /",
            ),
            ("http://127.0.0.1:5000/x", "http://127.0.0.1:5000 /x"),
        ] {
            assert_eq!(way(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn a_url_that_could_be_read_in_two_ways_is_not_read() {
        for url in [
            "https://user@api.example.com/",
            "https://:pass@api.example.com/",
            "https://evil.test\\@api.example.com/",
            "https:/api.example.com/",
            "https:api.example.com/",
            "https://api.example.com/#fragment",
            " https://api.example.com/",
            "https://api.exa\nmple.com/",
            "https://api.example.com/a\tb",
            "https://api.example.com/%zz",
            "https://api.example.com./",
            "https://api.example.com:0/",
            "https://api.example.com:99999/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://1.2.3.256/",
            "https://a\u{0}b/",
            "//api.example.com/",
            "/v1",
            "",
        ] {
            assert!(
                matches!(way(url), Err(OutboundError::Malformed(_))),
                "{url:?} {:?}",
                way(url)
            );
        }
        for url in [
            "http://api.example.com/",
            "ftp://api.example.com/",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert!(way(url).is_err(), "{url}");
        }
        assert!(
            way(&format!(
                "https://api.example.com/{}",
                "x".repeat(URL_BYTES_MAX)
            ))
            .is_err()
        );
    }

    #[test]
    fn a_plugin_sets_no_header_that_is_the_hosts() {
        for name in [
            "Authorization",
            "cookie",
            "HOST",
            "proxy-authorization",
            "connection",
            "te",
            "transfer-encoding",
            "content-length",
            "expect",
            "upgrade",
            "x-forwarded-host",
            "x-http-method-override",
            "accept-encoding",
            "range",
            "x-api-key",
            "X-Amz-Date",
            "x-amz-security-token",
        ] {
            assert!(
                matches!(set(name, "x"), Err(OutboundError::Denied(_))),
                "{name}"
            );
        }
        for (name, value) in [
            ("x-a", "b\r\nauthorization: c"),
            ("x-a\r\nb", "c"),
            ("x a", "b"),
            ("", "b"),
            ("x-a", "b\0"),
            ("x-a", "bücher"),
            ("x-a:", "b"),
            ("x-a", "b\nc"),
        ] {
            assert!(
                matches!(set(name, value), Err(OutboundError::Malformed(_))),
                "{name:?} {value:?}"
            );
        }
        let headers = set("Content-Type", "application/json").unwrap();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["host"], "api.example.com");
        assert_eq!(headers["accept-encoding"], "identity");
    }

    #[test]
    fn many_headers_are_too_many() {
        let way = Way::parse("https://api.example.com/").unwrap();
        let header = |value: &str| Header {
            name: "x-a".to_owned(),
            value: value.to_owned(),
        };
        assert!(headers(&way, &vec![header("b"); HEADERS_MAX + 1], None, false).is_err());
        assert!(headers(&way, &[header(&"b".repeat(HEADER_BYTES_MAX))], None, false).is_err());
    }

    proptest! {
        /// Whatever passes as a granted origin is called by that origin's name and
        /// no other, by this parser and by one that knows nothing of the standard.
        #[test]
        fn what_passes_for_an_origin_leads_there(
            scheme in "(https|HTTPS|https:|http|hTTps)",
            slashes in "(//|/|\\\\\\\\|///)",
            user in "([a-z%@:\\\\]{0,4}@)?",
            host in "(api\\.example\\.com|API.Example.com|api.example.com\\.|xapi.example.com|api.example.com.evil.test|evil.test|127.1|0x7f.1|2130706433|\\[::1\\]|api%2eexample%2ecom|ap\u{ad}i.example.com|api\u{3002}example.com)",
            port in "(:443|:0|:8443|:|:0443)?",
            path in "([/?#\\\\@][a-z.@:/\\\\]{0,12})?",
        ) {
            let url = format!("{scheme}:{slashes}{user}{host}{port}{path}");
            let granted: Origin = "https://api.example.com".parse().unwrap();
            if let Ok(way) = Way::parse(&url) && way.origin == granted {
                prop_assert_eq!(way.url.host_str(), Some("api.example.com"));
                prop_assert_eq!(way.url.port_or_known_default(), Some(443));
                prop_assert!(way.target().starts_with('/'));
                let rest = url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
                let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
                prop_assert!(!authority.contains('@'), "{}", url);
                let naive = authority.trim_end_matches(":443").trim_end_matches(":0443").trim_end_matches(':');
                let naive = naive.to_lowercase().replace("%2e", ".").replace('\u{ad}', "").replace('\u{3002}', ".");
                prop_assert_eq!(naive, "api.example.com", "{}", url);
            }
        }

        #[test]
        fn no_url_makes_it_panic(url in ".{0,60}") {
            let _ = way(&url);
        }
    }
}
