//! Takes secrets out of what goes back to a plugin or into an error.
//!
//! A server may repeat what it was sent: in a body, a header, an error message.
//! Found are the secret itself, its base64 (at any offset, either alphabet) and
//! its hexadecimal form; each in any letter case, with its characters
//! percent-encoded (once or more), escaped as in JSON or HTML, in UTF-16, or
//! broken by white space. What is found becomes [`SCRUBBED`].
//!
//! What it cannot do: a server that is bent on giving a secret away can write it
//! backwards, or in two answers. A secret is therefore bound to origins whose
//! operator knows it anyway; this keeps honest servers from leaking it to the
//! plugin. Answers are never compressed ([`exchange`](super::exchange) sees to
//! it) and never partial, because nothing could be found in those.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// What stands where a secret was.
pub(super) const SCRUBBED: &str = "[scrubbed]";
/// White space and zero bytes between two characters of a secret, at most.
const GAPS_MAX: usize = 4;
/// Levels of percent-encoding that are looked through.
const PERCENT_LEVELS_MAX: usize = 3;
/// Backslashes before one escaped character: three levels.
const BACKSLASHES_MAX: usize = 7;

/// Looks for some secrets.
pub(super) struct Scrubber {
    needles: Vec<Needle>,
    /// Bytes that a match may begin with.
    starts: [bool; 256],
}

struct Needle {
    text: Zeroizing<Vec<u8>>,
    /// Its neighbours hold bits of the secret too.
    is_base64: bool,
}

impl Scrubber {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets.into_iter().map(str::as_bytes) {
            if secret.is_empty() {
                continue;
            }
            needles.push(Needle::plain(secret.to_vec()));
            needles.push(Needle::plain(hex::encode(secret).into_bytes()));
            for offset in 0..3 {
                let [standard, url] = Needle::base64(secret, offset);
                let differ = standard.text != url.text;
                needles.push(standard);
                if differ {
                    needles.push(url);
                }
            }
        }
        let mut starts = [false; 256];
        for byte in needles.iter().filter_map(|needle| needle.text.first()) {
            starts[usize::from(byte.to_ascii_lowercase())] = true;
            starts[usize::from(byte.to_ascii_uppercase())] = true;
        }
        for escape in if needles.is_empty() {
            b"".as_slice()
        } else {
            b"%\\&"
        } {
            starts[usize::from(*escape)] = true;
        }
        Self { needles, starts }
    }

    /// `bytes` without secrets; `None` if there was none.
    pub(super) fn scrub(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut clean: Vec<u8> = Vec::new();
        let (mut kept, mut at) = (0, 0);
        while at < bytes.len() {
            let Some(found) = self.at(bytes, at, kept) else {
                at += 1;
                continue;
            };
            clean.extend_from_slice(&bytes[kept..found.start]);
            clean.extend_from_slice(SCRUBBED.as_bytes());
            (kept, at) = (found.end, found.end);
        }
        if kept == 0 {
            return None;
        }
        clean.extend_from_slice(&bytes[kept..]);
        Some(clean)
    }

    /// The same of a text.
    pub(super) fn scrub_text(&self, text: &str) -> Option<String> {
        let clean = self.scrub(text.as_bytes())?;
        Some(String::from_utf8_lossy(&clean).into_owned())
    }

    /// The longest secret at `at`, with neighbours that are a part of it; nothing
    /// before `kept` is touched.
    fn at(&self, bytes: &[u8], at: usize, kept: usize) -> Option<std::ops::Range<usize>> {
        if !self.starts[usize::from(bytes[at])] {
            return None;
        }
        let found = |needle: &Needle| {
            let mut range = at..at + needle.length_in(&bytes[at..])?;
            if needle.is_base64 {
                range.start -= base64_run(bytes[kept..range.start].iter().rev());
                range.end += base64_run(bytes[range.end..].iter());
            }
            Some(range)
        };
        self.needles
            .iter()
            .filter_map(found)
            .max_by_key(|range| range.end)
    }
}

/// How many of the next characters may belong to the same base64.
fn base64_run<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    let is_base64 = |b: &&u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(b);
    bytes.take(3).take_while(is_base64).count()
}

impl Needle {
    fn plain(text: Vec<u8>) -> Self {
        Self {
            text: Zeroizing::new(text),
            is_base64: false,
        }
    }

    /// The characters that `secret` alone decides when it is encoded after
    /// `offset` bytes of something else, in either alphabet.
    fn base64(secret: &[u8], offset: usize) -> [Self; 2] {
        let mut bytes = Zeroizing::new(vec![0; offset]);
        bytes.extend_from_slice(secret);
        let first = (offset * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD].map(|alphabet| {
            let text = Zeroizing::new(alphabet.encode(bytes.as_slice()));
            Self {
                text: Zeroizing::new(text.as_bytes()[first..last].to_vec()),
                is_base64: true,
            }
        })
    }

    /// How many of `bytes` are this needle, written in any of the known ways.
    fn length_in(&self, bytes: &[u8]) -> Option<usize> {
        if bytes.starts_with(&self.text) {
            return Some(self.text.len());
        }
        let mut at = 0;
        for (index, byte) in self.text.iter().enumerate() {
            if index > 0 {
                at += gap(&bytes[at..]);
            }
            at += written(*byte, &bytes[at..])?;
        }
        Some(at)
    }
}

/// White space, zero bytes and escaped line breaks at the beginning of `bytes`.
fn gap(bytes: &[u8]) -> usize {
    let mut at = 0;
    for _ in 0..GAPS_MAX {
        at += match &bytes[at..] {
            [0 | b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            _ => break,
        };
    }
    at
}

/// How many of `bytes` stand for `byte`.
fn written(byte: u8, bytes: &[u8]) -> Option<usize> {
    let escaped = match bytes.first()? {
        b'%' => percent(bytes),
        b'\\' => backslash(bytes),
        b'&' => entity(bytes),
        _ => None,
    };
    escaped
        .filter(|(value, _)| value.eq_ignore_ascii_case(&byte))
        .map(|(_, length)| length)
        .or_else(|| bytes[0].eq_ignore_ascii_case(&byte).then_some(1))
}

/// `%41`, and `%2541`, which is the same once more.
fn percent(bytes: &[u8]) -> Option<(u8, usize)> {
    let mut at = 1;
    let mut value = hex_value(bytes.get(at..at + 2)?)?;
    at += 2;
    for _ in 1..PERCENT_LEVELS_MAX {
        match bytes.get(at..at + 2).and_then(hex_value) {
            Some(inner) if value == u32::from(b'%') => value = inner,
            _ => break,
        }
        at += 2;
    }
    Some((u8::try_from(value).ok()?, at))
}

/// `\u0041`, `\x41`, `\/`, and the same within a text that was escaped again.
fn backslash(bytes: &[u8]) -> Option<(u8, usize)> {
    let run = bytes
        .iter()
        .take(BACKSLASHES_MAX)
        .take_while(|b| **b == b'\\')
        .count();
    let (digits, length) = match bytes.get(run)? {
        b'u' => (bytes.get(run + 1..run + 5)?, run + 5),
        b'x' => (bytes.get(run + 1..run + 3)?, run + 3),
        other => return Some((*other, run + 1)),
    };
    Some((u8::try_from(hex_value(digits)?).ok()?, length))
}

/// `&#65;`, `&#x41;`, `&amp;`
fn entity(bytes: &[u8]) -> Option<(u8, usize)> {
    const NAMED: [(&[u8], u8); 5] = [
        (b"amp", b'&'),
        (b"lt", b'<'),
        (b"gt", b'>'),
        (b"quot", b'"'),
        (b"apos", b'\''),
    ];
    let end = bytes.iter().take(10).position(|b| *b == b';')?;
    let name = &bytes[1..end];
    let value = match name.strip_prefix(b"#") {
        Some(digits) => match digits.strip_prefix(b"x").or(digits.strip_prefix(b"X")) {
            Some(digits) => hex_value(digits)?,
            None => std::str::from_utf8(digits).ok()?.parse().ok()?,
        },
        None => NAMED.iter().find(|(known, _)| *known == name)?.1.into(),
    };
    Some((u8::try_from(value).ok()?, end + 1))
}

fn hex_value(digits: &[u8]) -> Option<u32> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "rpa_Zk4/9+wQ==%x2B&7uT";

    fn scrub(text: &str) -> String {
        let clean = Scrubber::new([SECRET]).scrub_text(text);
        clean.unwrap_or_else(|| panic!("nothing was found in {text}"))
    }

    fn each(write: impl Fn(u8) -> String) -> String {
        SECRET.bytes().map(write).collect()
    }

    #[test]
    fn a_secret_is_found_however_a_server_writes_it() {
        let utf16: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [
            SECRET.to_owned(),
            SECRET.to_ascii_uppercase(),
            SECRET.to_ascii_lowercase(),
            hex::encode(SECRET),
            hex::encode_upper(SECRET),
            each(|b| format!("%{b:02x}")),
            each(|b| format!("%{b:02X}")),
            each(|b| format!("%25{b:02X}")),
            each(|b| format!("%2525{b:02X}")),
            each(|b| format!("\\u{b:04x}")),
            each(|b| format!("\\x{b:02x}")),
            each(|b| format!("&#{b};")),
            each(|b| format!("&#x{b:X};")),
            each(|b| format!("{}\r\n ", char::from(b))),
            SECRET.replace('/', "\\/"),
            SECRET.replace('/', "\\\\\\/").replace('+', "\\\\u002b"),
            SECRET
                .replace('/', "%2F")
                .replace('+', "\\u002b")
                .replace('=', "&#61;"),
            SECRET.replace('&', "&amp;"),
            String::from_utf8(utf16).unwrap(),
        ] {
            let clean = scrub(&format!("before {text} after"));
            let clean = clean.replace([' ', '\r', '\n', '\0'], "");
            assert_eq!(clean, format!("before{SCRUBBED}after"), "{text}");
        }
    }

    #[test]
    fn base64_of_it_is_found_at_any_offset_and_its_edges_go_too() {
        for before in ["", "x", "xy", "xyz", "Basic user:"] {
            for after in ["", ":", "::", ":::password"] {
                let whole = format!("{before}{SECRET}{after}");
                for text in [
                    BASE64_STANDARD.encode(&whole),
                    BASE64_URL_SAFE_NO_PAD.encode(&whole),
                ] {
                    let clean = scrub(&format!("({text})"));
                    let (left, right) = clean.split_once(SCRUBBED).unwrap();
                    let edge = |part: &str| part.trim_matches(['(', ')', '=']).to_owned();
                    let bytes =
                        |part: String| BASE64_STANDARD_NO_PAD.decode(part).unwrap_or_default();
                    assert!(before.as_bytes().starts_with(&bytes(edge(left))), "{clean}");
                    assert!(edge(right).len() <= after.len().div_ceil(3) * 4, "{clean}");
                }
            }
        }
    }

    #[test]
    fn base64_in_lines_is_found() {
        let text = BASE64_STANDARD.encode(SECRET);
        let (first, second) = text.split_at(11);
        for between in ["\n", "\r\n", "\\r\\n"] {
            assert_eq!(scrub(&format!("{first}{between}{second}")), SCRUBBED);
        }
    }

    #[test]
    fn every_one_of_several_is_found() {
        let scrubber = Scrubber::new(["first-secret-0123", "second-secret-456"]);
        let clean = scrubber.scrub_text("first-secret-0123,second-secret-456,first-secret-0123");
        assert_eq!(clean.unwrap(), [SCRUBBED; 3].join(","));
    }

    #[test]
    fn what_holds_no_secret_is_left_alone() {
        let scrubber = Scrubber::new([SECRET, ""]);
        for text in [
            "",
            "%",
            "\\",
            "&",
            "%4",
            "\\u00",
            "&#",
            "rpa_Zk4/9+wQ==%x2B&7u",
            "&#99999999;",
            "%zz",
        ] {
            assert_eq!(scrubber.scrub_text(text), None, "{text}");
        }
        assert_eq!(Scrubber::new([]).scrub_text("%41\\u0041"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_leaves_the_secret(
            before in "[%\\\\&#;xu0-9a-f ]{0,40}",
            after in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = before.into_bytes();
            bytes.extend_from_slice(SECRET.as_bytes());
            bytes.extend_from_slice(&after);
            let clean = Scrubber::new([SECRET]).scrub(&bytes).unwrap();
            prop_assert!(!clean.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
        }
    }
}
