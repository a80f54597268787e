//! Reads a plugin's table of settings, and says in one line what is wrong.
//!
//! A key that the plugin does not know is an error: a misspelt one would
//! otherwise be a default that nobody chose.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

/// The table, with no key in it that is not known.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(&'a [(String, String)]);

impl<'a> Table<'a> {
    /// Refuses keys that are not among `keys`.
    pub fn new(pairs: &'a [(String, String)], keys: &[&str]) -> Result<Self, String> {
        match pairs.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            None => Ok(Self(pairs)),
            Some((key, _)) => Err(format!(
                "there is no setting {key:?}; there are {}",
                keys.join(", ")
            )),
        }
    }

    /// The text of a key, without white space around it.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value.trim()))
    }

    /// A whole number within `range`, or the default where the key is absent.
    pub fn number<N>(&self, key: &str, default: N, range: RangeInclusive<N>) -> Result<N, String>
    where
        N: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(key) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "{key} is {text:?}; it must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                )
            })
    }

    /// One of the named choices; the first where the key is absent.
    pub fn choice<C: Copy>(&self, key: &str, choices: &[(&str, C)]) -> Result<C, String> {
        let text = self.text(key);
        choices
            .iter()
            .find(|(name, _)| text.is_none_or(|text| text == *name))
            .map(|(_, choice)| *choice)
            .ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                format!(
                    "{key} is {:?}; it must be one of {}",
                    text.unwrap_or_default(),
                    names.join(", ")
                )
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pairs(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_misspelt_key_is_refused_with_those_that_exist() {
        let error = Table::new(&pairs("flor", "1"), &["floor", "curve"]).unwrap_err();
        assert_eq!(
            error,
            r#"there is no setting "flor"; there are floor, curve"#
        );
    }

    #[test]
    fn a_number_is_whole_and_in_range_or_the_default() {
        let table = pairs("floor", " 7 ");
        let table = Table::new(&table, &["floor"]).unwrap();
        assert_eq!(table.number("floor", 1, 0..=9), Ok(7));
        assert_eq!(table.number("other", 1, 0..=9), Ok(1));
        assert!(table.number("floor", 1, 0..=6).is_err());
        assert!(
            Table(&pairs("floor", "1e3"))
                .number("floor", 1, 0..=9)
                .is_err()
        );
    }

    #[test]
    fn a_choice_is_one_of_those_named() {
        let choices = [("linear", 1), ("sqrt", 2)];
        assert_eq!(Table(&[]).choice("curve", &choices), Ok(1));
        assert_eq!(
            Table(&pairs("curve", "sqrt")).choice("curve", &choices),
            Ok(2)
        );
        let error = Table(&pairs("curve", "cubic"))
            .choice("curve", &choices)
            .unwrap_err();
        assert_eq!(error, r#"curve is "cubic"; it must be one of linear, sqrt"#);
    }
}
