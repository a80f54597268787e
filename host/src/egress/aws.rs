//! AWS Signature Version 4: the secret signs and stays.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use tracing::subscriber::NoSubscriber;

use super::secret::Secret;
use super::vault::Unreadable;

/// Headers that signing writes; a plugin's own would be signed in their place.
pub(super) const WRITTEN: [&str; 4] = [
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-checksum-sha256",
];
/// The longest name of a region or a service.
const SCOPE_BYTES_MAX: usize = 64;
/// Shortest to longest id of an access key.
const ID_BYTES: std::ops::RangeInclusive<usize> = 16..=128;
/// The shortest secret that is one.
const SECRET_BYTES_MIN: usize = 16;

/// An access key.
pub(super) struct AccessKey {
    id: Secret,
    secret: Secret,
    token: Option<Secret>,
}

/// What is signed.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    /// Absolute.
    pub(super) url: &'a str,
    /// But `host`, which the URL tells.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) time: SystemTime,
}

/// A signed request's further headers, and the signature within them.
pub(super) struct Signed {
    pub(super) headers: Vec<(&'static str, Secret)>,
    pub(super) signature: Secret,
}

impl AccessKey {
    /// Reads lines as in `~/.aws/credentials` (one profile), or the id, the secret
    /// and perhaps a session token, on lines of their own or with colons between.
    pub(super) fn parse(text: &Secret) -> Result<Self, Unreadable> {
        let text = text.expose();
        let parts: Vec<&str> = text.split(['\n', ':']).map(str::trim).collect();
        let (id, secret, token) = match (text.contains('='), parts.as_slice()) {
            (_, [id, secret]) if is_key(id, secret) => (Some(*id), Some(*secret), None),
            (_, [id, secret, token]) if is_key(id, secret) => {
                (Some(*id), Some(*secret), Some(*token))
            }
            (true, _) => profile(text)?,
            _ => (None, None, None),
        };
        let (Some(id), Some(secret)) = (id, secret) else {
            return Err(NO_KEY);
        };
        let fits = |text: &&str| text.bytes().all(|b| b.is_ascii_graphic()) && !text.is_empty();
        if !is_key(id, secret) || ![Some(id), Some(secret), token].iter().flatten().all(fits) {
            return Err(NO_KEY);
        }
        let own = |text: &str| Secret::new(text.to_owned());
        Ok(Self {
            id: own(id),
            secret: own(secret),
            token: token.map(own),
        })
    }

    /// What must not be seen.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = [Some(&self.id), Some(&self.secret), self.token.as_ref()];
        secrets.into_iter().flatten().map(Secret::expose)
    }

    /// Signs; `None` if region, service, URL or headers cannot be.
    pub(super) fn sign(&self, what: &Signable<'_>) -> Option<Signed> {
        if !is_scope(what.region) || !is_scope(what.service) {
            return None;
        }
        let identity = Credentials::from_keys(
            self.id.expose(),
            self.secret.expose(),
            self.token.as_ref().map(|token| token.expose().to_owned()),
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(what.region)
            .name(what.service)
            .time(what.time)
            .settings(settings(what.service))
            .build()
            .ok()?;
        let headers = what.headers.iter().copied();
        let body = SignableBody::Bytes(what.body);
        let request = SignableRequest::new(what.method, what.url, headers, body).ok()?;
        // The library tells a trace the key's id and what is signed: nobody listens.
        let unheard = || sign(request, &SigningParams::V4(params));
        let signed = tracing::subscriber::with_default(NoSubscriber::default(), unheard);
        let (instructions, signature) = signed.ok()?.into_parts();
        let (headers, _) = instructions.into_parts();
        let own = |name, value: &str| (name, Secret::new(value.to_owned()));
        Some(Signed {
            headers: headers.iter().map(|h| own(h.name(), h.value())).collect(),
            signature: Secret::new(signature),
        })
    }
}

const NO_KEY: Unreadable = Unreadable::Unfit(
    "it is no access key: write the id and the secret on two lines, or as in ~/.aws/credentials with one profile",
);

fn is_key(id: &str, secret: &str) -> bool {
    let is_id = ID_BYTES.contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    is_id && secret.len() >= SECRET_BYTES_MIN
}

type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// `aws_access_key_id = ...` and so on.
fn profile(text: &str) -> Result<Parts<'_>, Unreadable> {
    let lines = || text.lines().map(str::trim);
    if lines().filter(|line| line.starts_with('[')).count() > 1 {
        return Err(NO_KEY);
    }
    let value = |key: &str| {
        let mut pairs = lines().filter_map(|line| line.split_once('='));
        pairs
            .find(|(found, _)| found.trim() == key)
            .map(|(_, value)| value.trim())
    };
    Ok((
        value("aws_access_key_id"),
        value("aws_secret_access_key"),
        value("aws_session_token"),
    ))
}

fn is_scope(text: &str) -> bool {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=SCOPE_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_name)
}

/// S3 takes a path as it stands and wants the body's digest in a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const ID: &str = "AKIDEXAMPLE000000";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// Of AWS's published test suite, whose id is shorter than any real one.
    fn suite_key(token: Option<&str>) -> AccessKey {
        let own = |text: &str| Secret::new(text.to_owned());
        AccessKey {
            id: own("AKIDEXAMPLE"),
            secret: own(SECRET),
            token: token.map(own),
        }
    }

    fn signature(
        key: &AccessKey,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> String {
        let signed = key.sign(&Signable {
            method,
            url,
            headers,
            body: body.as_bytes(),
            region: "us-east-1",
            service: "service",
            // 2015-08-30T12:36:00Z
            time: UNIX_EPOCH + Duration::from_secs(1_440_938_160),
        });
        signed.unwrap().signature.expose().to_owned()
    }

    fn parse(text: &str) -> Option<Vec<String>> {
        let key = AccessKey::parse(&Secret::new(text.to_owned())).ok()?;
        Some(key.secrets().map(str::to_owned).collect())
    }

    #[test]
    fn an_access_key_is_read_in_each_of_its_forms() {
        let pair = vec![ID.to_owned(), SECRET.to_owned()];
        for text in [
            format!("{ID}:{SECRET}"),
            format!("{ID}\n{SECRET}"),
            format!("aws_access_key_id = {ID}\naws_secret_access_key={SECRET}"),
            format!("[default]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\nregion=x"),
        ] {
            assert_eq!(parse(&text), Some(pair.clone()), "{text}");
        }
        for text in [
            format!("{ID}:{SECRET}:a-token="),
            format!(
                "aws_access_key_id = {ID}\naws_secret_access_key={SECRET}\naws_session_token=a-token="
            ),
        ] {
            assert_eq!(parse(&text).unwrap()[2], "a-token=", "{text}");
        }
    }

    #[test]
    fn what_is_no_access_key_is_refused_without_being_repeated() {
        for text in [
            "",
            SECRET,
            "short:wJalrXUtnFEMI/K7MDENG",
            "[a]\naws_access_key_id=x\n[b]\naws_access_key_id=y",
            "aws_access_key_id=AKIDEXAMPLE000000",
        ] {
            let error = AccessKey::parse(&Secret::new(text.to_owned()))
                .err()
                .unwrap();
            assert!(!error.to_string().contains("wJal"), "{error}");
        }
    }

    #[test]
    fn signatures_are_those_of_the_published_test_suite() {
        let url = |rest: &str| format!("https://example.amazonaws.com{rest}");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for (method, rest, headers, body, expected) in [
            (
                "GET",
                "/",
                [].as_slice(),
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "GET",
                "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
                &[],
                "",
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            ),
            (
                "POST",
                "/?Param1=value1",
                &[],
                "",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            (
                "POST",
                "/",
                form.as_slice(),
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let found = signature(&suite_key(None), method, &url(rest), headers, body);
            assert_eq!(found, expected, "{method} {rest}");
        }
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        assert_eq!(
            signature(&suite_key(Some(token)), "GET", &url("/"), &[], ""),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
    }

    #[test]
    fn a_scope_that_is_no_name_is_not_signed() {
        let key = suite_key(None);
        for (region, service) in [("", "ec2"), ("us-east-1/x", "ec2"), ("us-east-1", "EC2\n")] {
            let what = Signable {
                method: "GET",
                url: "https://example.amazonaws.com/",
                headers: &[],
                body: &[],
                region,
                service,
                time: UNIX_EPOCH,
            };
            assert!(key.sign(&what).is_none(), "{region} {service}");
        }
    }
}
