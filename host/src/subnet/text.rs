//! Text from peers, plugins and chains, made safe to show.

use std::fmt::Write as _;

/// The longest text shown in one place, in characters.
pub const SHOWN_CHARS_MAX: usize = 300;

/// `text` without anything a terminal or a log would obey: control, format and
/// bidirectional characters become `\u{..}`, and the end of a long text `…`.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN_CHARS_MAX));
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        if is_obeyed(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether [`escape`] would show every character of `text` as it is.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_obeyed)
}

/// Control characters, and those that reorder or hide what is around them.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_never_sees_an_escape_code() {
        assert_eq!(
            escape("\u{1b}[2Jhello\r\n\u{202e}"),
            "\\u{1b}[2Jhello\\u{d}\\u{a}\\u{202e}"
        );
    }

    #[test]
    fn a_long_text_ends() {
        assert_eq!(
            escape(&"x".repeat(10_000)).chars().count(),
            SHOWN_CHARS_MAX + 1
        );
    }
}
