//! Reads a manifest, strictly.

use super::{
    Declared, FIRST_LINE, Instant, MANIFEST_BYTES_MAX, Manifest, NOTES_MAX, SETTINGS_MAX,
    SIGNATURES_MAX, SettingKind, Signed, SignedBy, VALUE_BYTES_MAX, WANTS_MAX, Want,
};
use crate::subnet::key::{AccountId, Scheme, Signature};
use crate::subnet::text::{escape, is_plain};
use crate::subnet::trust::{Key, Subject};

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not read at all.
    #[error("a manifest has at most {MANIFEST_BYTES_MAX} bytes, this one {0}")]
    TooLarge(usize),
    /// Not text that is the same for every reader.
    #[error("line {0}: not UTF-8, or a character that hides or reorders others")]
    Characters(usize),
    /// Another kind of file, or another version of this one.
    #[error("it does not begin with the line `{FIRST_LINE}`")]
    FirstLine,
    /// A line that is missing, or out of its place.
    #[error("line {at}: expected `{expected}: ...`, found `{found}`")]
    Expected {
        /// Counts from 1.
        at: usize,
        /// The name the line should have.
        expected: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// A value that is none, or is not written in the one way it can be.
    #[error("line {at}: `{name}` must be {expected}")]
    Value {
        /// Counts from 1.
        at: usize,
        /// The line's name.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// The embedded manifest and the one beside the file say different things.
    #[error("the manifest inside the file and the one beside it say different things")]
    Contradiction,
    /// More than one section, or one that is not the last.
    #[error("its manifest section is not the last of the file, or there are several")]
    Section,
}

/// Reads a text and its signatures; whether they are true is another question.
pub fn read(bytes: &[u8]) -> Result<Signed, ManifestError> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(ManifestError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        ManifestError::Characters(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    let mut lines = Lines::new(text)?;
    let manifest = manifest(&mut lines)?;
    let mut signatures = Vec::new();
    while let Some(value) = lines.next_if("signature") {
        let expected = "a scheme, an address and 64 bytes in hexadecimal, at most 32 times";
        let read = signature(value).filter(|_| signatures.len() < SIGNATURES_MAX);
        signatures.push(read.ok_or(lines.wrong("signature", expected))?);
    }
    lines.end()?;
    let signed = Signed {
        manifest,
        signatures,
    };
    // Whatever could be read in two ways is written in one.
    if signed.to_bytes() == bytes {
        Ok(signed)
    } else {
        Err(lines.wrong("signature", "the last line, ended by a line feed"))
    }
}

fn manifest(lines: &mut Lines<'_>) -> Result<Manifest, ManifestError> {
    let name = lines.read("name", "kebab-case, at most 64 bytes", |value| {
        crate::plugin::admission::is_kebab(value).then(|| value.to_owned())
    })?;
    let version = lines.read("version", "semver, as in 1.2.3", |value| {
        (value.len() <= 64 && semver::Version::parse(value).is_ok()).then(|| value.to_owned())
    })?;
    let subject = lines.read(
        "world",
        "a world of the contract, or data-pack",
        Subject::from_name,
    )?;
    let digest = lines.read(
        "digest",
        "sha256: and 64 hexadecimal digits in lower case",
        |value| value.parse().ok().filter(|digest| same(digest, value)),
    )?;
    let netuid = lines.read("netuid", "a subnet's number, or any", |value| match value {
        "any" => Some(None),
        number => plain_number(number).map(Some),
    })?;
    let sequence = lines.read("sequence", "a whole number from 1", |value| {
        plain_number(value).filter(|sequence: &u64| *sequence > 0)
    })?;
    let expires = lines.read(
        "expires",
        "a moment such as 2027-01-31T00:00:00Z, or never",
        |value| match value {
            "never" => Some(None),
            moment => moment.parse::<Instant>().ok().map(Some),
        },
    )?;
    Ok(Manifest {
        name,
        version,
        subject,
        digest,
        netuid,
        sequence,
        expires,
        wants: wants(lines)?,
        settings: settings(lines)?,
        notes: notes(lines)?,
    })
}

fn wants(lines: &mut Lines<'_>) -> Result<Vec<Want>, ManifestError> {
    let expected = "a kind and what is wanted; ascending, none twice, at most 32";
    let mut wants: Vec<Want> = Vec::new();
    while let Some(value) = lines.next_if("want") {
        let want = value
            .split_once(' ')
            .filter(|(kind, what)| crate::plugin::admission::is_kebab(kind) && is_value(what))
            .map(|(kind, what)| Want {
                kind: kind.to_owned(),
                what: what.to_owned(),
            })
            .filter(|want| wants.last().is_none_or(|last| last < want))
            .filter(|_| wants.len() < WANTS_MAX);
        wants.push(want.ok_or(lines.wrong("want", expected))?);
    }
    Ok(wants)
}

fn settings(lines: &mut Lines<'_>) -> Result<Vec<Declared>, ManifestError> {
    let expected = "a key, one of text, integer, flag, list, and a description; by key, none twice, at most 256";
    let mut settings: Vec<Declared> = Vec::new();
    while let Some(value) = lines.next_if("setting") {
        let declared = declared(value)
            .filter(|new| settings.last().is_none_or(|last| last.name < new.name))
            .filter(|_| settings.len() < SETTINGS_MAX);
        settings.push(declared.ok_or(lines.wrong("setting", expected))?);
    }
    Ok(settings)
}

fn declared(value: &str) -> Option<Declared> {
    let (name, rest) = value.split_once(' ')?;
    let (kind, description) = rest.split_once(' ')?;
    let key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let kind = SettingKind::from_name(kind)?;
    (!name.is_empty() && name.chars().all(key) && is_value(description)).then(|| Declared {
        name: name.to_owned(),
        kind,
        description: description.to_owned(),
    })
}

fn notes(lines: &mut Lines<'_>) -> Result<Vec<String>, ManifestError> {
    let mut notes = Vec::new();
    while let Some(value) = lines.next_if("note") {
        if notes.len() == NOTES_MAX {
            return Err(lines.wrong("note", "there at most 32 times"));
        }
        notes.push(value.to_owned());
    }
    Ok(notes)
}

fn signature(value: &str) -> Option<SignedBy> {
    let mut words = value.split(' ');
    let scheme = Scheme::from_name(words.next()?)?;
    let address = words.next()?;
    let account: AccountId = address.parse().ok()?;
    let digits = words.next()?;
    let mut bytes = [0; 64];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    let written = same(&account, address) && hex::encode(bytes) == digits;
    (written && words.next().is_none()).then_some(SignedBy {
        key: Key { scheme, account },
        signature: Signature(bytes),
    })
}

/// Without a sign, a leading zero or anything else that `parse` would forgive.
fn plain_number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number| same(number, text))
}

fn same(value: &impl ToString, text: &str) -> bool {
    value.to_string() == text
}

/// Not empty, and nothing at its ends that nobody sees.
fn is_value(value: &str) -> bool {
    !value.is_empty() && value.len() <= VALUE_BYTES_MAX && value.trim() == value
}

/// The lines that are left, and where they stand.
struct Lines<'a> {
    rest: std::iter::Peekable<std::str::Split<'a, char>>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Result<Self, ManifestError> {
        let body = text.strip_suffix('\n').unwrap_or(text);
        for (index, line) in body.split('\n').enumerate() {
            if !is_plain(line) {
                return Err(ManifestError::Characters(index + 1));
            }
        }
        let mut rest = body.split('\n').peekable();
        if rest.next() != Some(FIRST_LINE) {
            return Err(ManifestError::FirstLine);
        }
        Ok(Self { rest, at: 1 })
    }

    /// The value of the next line, if it has that name.
    fn next_if(&mut self, name: &str) -> Option<&'a str> {
        let value = self
            .rest
            .peek()?
            .strip_prefix(name)?
            .strip_prefix(": ")
            .filter(|value| is_value(value))?;
        self.rest.next();
        self.at += 1;
        Some(value)
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ManifestError> {
        let Some(value) = self.next_if(name) else {
            return Err(self.unexpected(name));
        };
        parse(value).ok_or(self.wrong(name, expected))
    }

    fn end(&mut self) -> Result<(), ManifestError> {
        match self.rest.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("signature")),
        }
    }

    fn unexpected(&mut self, expected: &'static str) -> ManifestError {
        ManifestError::Expected {
            at: self.at + 1,
            expected,
            found: escape(self.rest.peek().copied().unwrap_or("the end")),
        }
    }

    fn wrong(&self, name: &'static str, expected: &'static str) -> ManifestError {
        ManifestError::Value {
            at: self.at,
            name,
            expected,
        }
    }
}
