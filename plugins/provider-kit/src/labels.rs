//! Which of an order's labels travel to a provider and back.

use crate::{Label, Level, Outside};

/// The most labels that travel with one order.
pub const LABELS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 40;

/// Those with a plain name and a value of printable ASCII up to a provider's
/// limit. The others are left behind, and the log says so: a label is a
/// convenience, and no reason to refuse an order.
pub fn kept<'a>(
    outside: &dyn Outside,
    labels: &'a [Label],
    value_bytes_max: usize,
) -> Vec<&'a Label> {
    let fits = |label: &&Label| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let printable = |byte: u8| (b' '..=b'~').contains(&byte);
        label
            .name
            .starts_with(|first: char| first.is_ascii_lowercase())
            && label.name.len() <= NAME_BYTES_MAX
            && label.name.bytes().all(plain)
            && label.value.len() <= value_bytes_max
            && label.value.bytes().all(printable)
    };
    let kept: Vec<&Label> = labels.iter().filter(fits).take(LABELS_MAX).collect();
    if kept.len() < labels.len() {
        let lost = labels.len() - kept.len();
        outside.log(
            Level::Debug,
            &format!("{lost} labels of the order do not fit this provider"),
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scripted;

    #[test]
    fn labels_that_do_not_fit_are_left_behind() {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let labels = [
            label("uid", "7"),
            label("UPPER", "7"),
            label("", "7"),
            label("long", "1234"),
            label("ctl", "\n"),
        ];
        let outside = Scripted::silent();
        assert_eq!(kept(&outside, &labels, 3), [&labels[0]]);
        let many = vec![label("a", "b"); 99];
        assert_eq!(kept(&outside, &many, 3).len(), LABELS_MAX);
    }
}
