//! Reads a TOML file into dotted keys with their places.
//!
//! Knows TOML and no key: `[axon]` with `port = 1` becomes `axon.port`, at its
//! line and column. What a key means is the reader's business.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::value::{Given, Source, Value};

/// The largest configuration file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Tables within tables, at most.
const DEPTH_MAX: usize = 16;

/// The file's keys, or the one thing that is wrong with its syntax.
pub(super) fn parse(text: &str, path: &Path) -> Result<BTreeMap<String, Given>, Problem> {
    let place = Place { text, path };
    if text.len() > FILE_BYTES_MAX {
        return Err(Problem::of(
            place.at(0),
            format!("a configuration file has at most {FILE_BYTES_MAX} bytes"),
        ));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem::of(place.at(at), format!("not valid TOML: {}", error.message()))
    })?;
    let mut keys = BTreeMap::new();
    flatten(table.get_ref(), "", 0, &place, &mut keys)?;
    Ok(keys)
}

/// The text a span points into.
struct Place<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Place<'_> {
    fn at(&self, offset: usize) -> Source {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Source::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn flatten(
    table: &DeTable<'_>,
    prefix: &str,
    depth: usize,
    place: &Place<'_>,
    keys: &mut BTreeMap<String, Given>,
) -> Result<(), Problem> {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            if depth == DEPTH_MAX {
                let message = format!("tables are nested more than {DEPTH_MAX} deep");
                return Err(Problem::of(place.at(key.span().start), message));
            }
            flatten(inner, &format!("{path}."), depth + 1, place, keys)?;
            continue;
        }
        let given = Given {
            value: owned(value.get_ref(), depth),
            source: place.at(key.span().start),
        };
        keys.insert(path, given);
    }
    Ok(())
}

fn owned(value: &DeValue<'_>, depth: usize) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Other(number.as_str().to_owned()), Value::Integer),
        DeValue::Float(number) => Value::Other(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Other(date.to_string()),
        DeValue::Array(values) if depth < DEPTH_MAX => Value::List(
            values
                .iter()
                .map(|value| owned(value.get_ref(), depth + 1))
                .collect(),
        ),
        DeValue::Array(_) => Value::Other("[…]".to_owned()),
        DeValue::Table(_) => Value::Other("{…}".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_knows_its_line_and_column() {
        let keys = parse("# über\n[axon]\n  port = 8091\n", Path::new("m.toml")).unwrap();
        assert_eq!(keys["axon.port"].source.to_string(), "m.toml:3:3");
        assert_eq!(keys["axon.port"].value, Value::Integer(8091));
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_where_it_breaks() {
        let problem = parse("netuid = 1\nrole = \n", Path::new("m.toml")).unwrap_err();
        assert!(problem.to_string().starts_with("m.toml:2:"), "{problem}");
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(text in "[\\[\\]a-z.=\"'{}0-9\n# -]{0,200}") {
            let _ = parse(&text, Path::new("m.toml"));
        }
    }
}
