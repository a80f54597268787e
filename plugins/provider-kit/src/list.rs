//! Settings that are lists: an array in the configuration, which reaches a
//! plugin as JSON, or words with commas between them.

/// The most entries of one list.
pub const LIST_MAX: usize = 256;

/// The entries, without white space around them; none is empty.
pub fn list(key: &str, text: &str) -> Result<Vec<String>, String> {
    let entries: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
            .map_err(|_| format!("{key} is {text:?}; it must be an array of texts"))?
    } else {
        text.split(',')
            .map(|entry| entry.trim().to_owned())
            .collect()
    };
    if entries.len() > LIST_MAX {
        return Err(format!(
            "{key} has {} entries; there may be {LIST_MAX}",
            entries.len()
        ));
    }
    match entries.iter().any(|entry| entry.trim().is_empty()) {
        true => Err(format!(
            "{key} is {text:?}; none of its entries may be empty"
        )),
        false => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_array_and_words_with_commas_are_the_same_list() {
        let words = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(list("k", r#"["a","b"]"#), Ok(words.clone()));
        assert_eq!(list("k", " a , b "), Ok(words));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["", "a,,b", "[1]", r#"[""]"#, "[\"a\""] {
            assert!(list("k", text).unwrap_err().starts_with("k "), "{text}");
        }
    }
}
