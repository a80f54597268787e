//! The reader: one pass over the bytes of a text, no recursion without a bound.

use std::collections::HashMap;

use super::{DEPTH_MAX, NotJson, VALUES_MAX};
use crate::subnet::synapse::Value;

/// Reads a whole text.
pub fn read(text: &str) -> Result<Value, NotJson> {
    let mut reader = Reader {
        text,
        at: 0,
        values: 0,
    };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("Extra data")),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// A byte's index, always at the beginning of a character.
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> NotJson {
        self.wrong_at(self.at, what)
    }

    fn wrong_at(&self, byte: usize, what: &'static str) -> NotJson {
        let before = self.text.get(..byte).unwrap_or(self.text);
        NotJson {
            what,
            at: before.chars().count(),
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = self.text[self.at..].starts_with(word);
        if taken {
            self.at += word.len();
        }
        taken
    }

    fn value(&mut self, depth: usize) -> Result<Value, NotJson> {
        self.values += 1;
        if self.values > VALUES_MAX || depth > DEPTH_MAX {
            return Err(self.wrong("Too many values, or too deep"));
        }
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, NotJson> {
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
        ] {
            if self.take(word) {
                return Ok(value);
            }
        }
        Err(self.wrong("Expecting value"))
    }

    fn array(&mut self, depth: usize) -> Result<Value, NotJson> {
        self.at += 1;
        self.space();
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Value::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(Value::List(items));
            }
            if !self.take(",") {
                return Err(self.wrong("Expecting ',' delimiter"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, NotJson> {
        self.at += 1;
        self.space();
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        if self.take("}") {
            return Ok(Value::Dict(pairs));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("Expecting property name enclosed in double quotes"));
            }
            let key = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.wrong("Expecting ':' delimiter"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            match places.get(&key) {
                Some(place) => pairs[*place].1 = value,
                None => {
                    places.insert(key.clone(), pairs.len());
                    pairs.push((Value::Text(key), value));
                }
            }
            self.space();
            if self.take("}") {
                return Ok(Value::Dict(pairs));
            }
            if !self.take(",") {
                return Err(self.wrong("Expecting ',' delimiter"));
            }
        }
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - begin
    }

    fn number(&mut self) -> Result<Value, NotJson> {
        let begin = self.at;
        let negative = self.take("-");
        if negative && self.take("Infinity") {
            return Ok(Value::Float(f64::NEG_INFINITY));
        }
        if !self.take("0") && self.digits() == 0 {
            return Err(self.wrong_at(begin, "Expecting value"));
        }
        let whole = self.at;
        if self.take(".") && self.digits() == 0 {
            self.at = whole;
        }
        let before_exponent = self.at;
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            if self.digits() == 0 {
                self.at = before_exponent;
            }
        }
        let text = &self.text[begin..self.at];
        if self.at > whole {
            let number = text.parse().map_err(|_| self.wrong("Expecting value"))?;
            return Ok(Value::Float(number));
        }
        let number = text.parse().map_err(|_| {
            self.wrong_at(
                begin,
                "Exceeds the limit of 128 bits for integer conversion",
            )
        })?;
        Ok(Value::Int(number))
    }

    fn string(&mut self) -> Result<String, NotJson> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or_else(|| self.wrong_at(begin, "Unterminated string starting at"))?;
            text.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape(begin)?),
                _ => return Err(self.wrong("Invalid control character at")),
            }
        }
    }

    /// At a backslash; `begin` is where the string began.
    fn escape(&mut self, begin: usize) -> Result<char, NotJson> {
        let backslash = self.at;
        self.at += 1;
        let escaped = self
            .peek()
            .ok_or_else(|| self.wrong_at(begin, "Unterminated string starting at"))?;
        self.at += 1;
        match escaped {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode(),
            _ => Err(self.wrong_at(backslash, "Invalid \\escape")),
        }
    }

    fn unicode(&mut self) -> Result<char, NotJson> {
        let first = self.four()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !self.take("\\u") {
                    return Err(self.wrong("Unpaired surrogate"));
                }
                let second = self.four()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.wrong("Unpaired surrogate"));
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.wrong("Unpaired surrogate"))
    }

    fn four(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.wrong_at(self.at - 1, "Invalid \\uXXXX escape"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{NonFinite, to_json};
    use super::*;

    /// What Python 3.11 says of each.
    const WRONG: [(&str, &str, usize); 24] = [
        ("", "Expecting value", 0),
        ("  ", "Expecting value", 2),
        (
            "{not json",
            "Expecting property name enclosed in double quotes",
            1,
        ),
        ("{\"a\":}", "Expecting value", 5),
        ("[1,]", "Expecting value", 3),
        ("nul", "Expecting value", 0),
        ("\"a", "Unterminated string starting at", 0),
        ("{\"a\" 1}", "Expecting ':' delimiter", 5),
        ("{\"a\":1 \"b\":2}", "Expecting ',' delimiter", 7),
        ("{} x", "Extra data", 3),
        ("[1 2]", "Expecting ',' delimiter", 3),
        ("\"\t\"", "Invalid control character at", 1),
        ("\"\\q\"", "Invalid \\escape", 1),
        ("01", "Extra data", 1),
        ("-", "Expecting value", 0),
        ("1.", "Extra data", 1),
        ("1e", "Extra data", 1),
        ("\"\\u12\"", "Invalid \\uXXXX escape", 2),
        (
            "{\"a\":1,}",
            "Expecting property name enclosed in double quotes",
            7,
        ),
        ("{\"a\":1,\"b\"", "Expecting ':' delimiter", 10),
        ("[", "Expecting value", 1),
        ("\"abc\\", "Unterminated string starting at", 0),
        ("[1,2", "Expecting ',' delimiter", 4),
        ("[\"é\" x]", "Expecting ',' delimiter", 5),
    ];

    #[test]
    fn what_is_wrong_is_said_in_pythons_words() {
        for (text, what, at) in WRONG {
            assert_eq!(read(text), Err(NotJson { what, at }), "{text:?}");
        }
    }

    #[test]
    fn integers_and_floats_are_two_things_and_the_last_key_wins() {
        assert_eq!(read("1").unwrap(), Value::Int(1));
        assert_eq!(read("1.0").unwrap(), Value::Float(1.0));
        assert_eq!(read("-0").unwrap(), Value::Int(0));
        assert_eq!(read("-1.5E+3").unwrap(), Value::Float(-1500.0));
        assert_eq!(read("-Infinity").unwrap(), Value::Float(f64::NEG_INFINITY));
        let pairs = read("{\"a\":1,\"b\":2,\"a\":3}").unwrap();
        let expected = Value::dict([("a", Value::Int(3)), ("b", Value::Int(2))]);
        assert_eq!(pairs, expected);
        assert_eq!(read("\"\\ud83d\\ude00\"").unwrap(), Value::from("😀"));
        assert!(read("\"\\ud83d\"").is_err());
        assert!(read(&"9".repeat(40)).is_err());
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(read(&deep(DEPTH_MAX)).is_ok());
        assert!(read(&deep(DEPTH_MAX + 2)).is_err());
        assert!(read(&"[".repeat(1 << 20)).is_err());
        let many = format!("[{}1]", "1,".repeat(VALUES_MAX));
        assert!(read(&many).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"\\\\/a-fnu0-9.eE+ \u{e9}\u{1f600}-]{0,60}") {
            if let Ok(value) = read(&text) {
                let written = to_json(&value, NonFinite::AsPython);
                let again = read(&written).unwrap();
                proptest::prop_assert_eq!(format!("{again:?}"), format!("{value:?}"));
            }
        }

        #[test]
        fn no_characters_make_the_reader_panic(text in ".{0,60}") {
            let _ = read(&text);
        }
    }
}
