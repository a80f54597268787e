//! One value somebody gave, and where.

use std::fmt;
use std::path::PathBuf;

/// A value as it was written, before anybody knows what its key expects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// From the environment or a flag: text that any type may be read from.
    Untyped(String),
    /// A string of the file.
    Text(String),
    /// An integer of the file.
    Integer(i64),
    /// A boolean of the file.
    Flag(bool),
    /// An array of the file.
    List(Vec<Value>),
    /// A float, a date or a table within an array, as the file writes it.
    Other(String),
}

impl Value {
    /// A whole number that is not negative; `_` may group digits.
    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Untyped(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(super) fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Untyped(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// Text that is not empty.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Untyped(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// Texts: an array of them, or what commas separate outside the file.
    pub(super) fn as_texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::List(values) => values.iter().map(Value::as_text).collect(),
            Self::Untyped(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .collect(),
            ),
            _ => None,
        }
    }

    /// As a plugin's setting: text as it is, arrays as JSON.
    pub(super) fn to_setting(&self) -> String {
        match self {
            Self::Untyped(text) | Self::Text(text) | Self::Other(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => self.to_json().to_string(),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Untyped(text) | Self::Text(text) => serde_json::Value::from(text.as_str()),
            Self::Integer(number) => serde_json::Value::from(*number),
            Self::Flag(flag) => serde_json::Value::from(*flag),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            // A float is JSON already; a date becomes text.
            Self::Other(text) => serde_json::from_str(text)
                .unwrap_or_else(|_| serde_json::Value::from(text.as_str())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untyped(text) | Self::Other(text) => f.write_str(text),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(_) => write!(f, "{}", self.to_json()),
        }
    }
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the file; line and column count from 1.
    File {
        /// Which.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// In an environment variable of this name.
    Environment(String),
    /// After a flag of this name.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) source: Source,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_number_of_the_file_is_text_and_one_of_the_environment_a_number() {
        assert_eq!(Value::Text("8091".into()).as_u64(), None);
        assert_eq!(Value::Untyped("8_091".into()).as_u64(), Some(8091));
    }

    #[test]
    fn an_array_reaches_a_plugin_as_json() {
        let prices = Value::List(vec![
            Value::Text("h100".into()),
            Value::Integer(7),
            Value::Other("1.5".into()),
            Value::List(vec![Value::Flag(true)]),
        ]);
        assert_eq!(prices.to_setting(), r#"["h100",7,1.5,[true]]"#);
    }
}
