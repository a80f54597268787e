//! Reads XML, by local names: EC2 puts everything in one namespace a version.

use roxmltree::{Document, Node};

use crate::{Failure, text::said};

/// Reads a whole document. Entities that a document defines itself are refused,
/// as they can make a small text large.
pub fn read(text: &str) -> Result<Document<'_>, Failure> {
    Document::parse(text).map_err(|error| {
        let error = said(&error.to_string());
        Failure::Upstream(format!("the answer is no XML: {error}"))
    })
}

/// The child of that name.
#[must_use]
pub fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children()
        .find(|child| child.tag_name().name() == name)
}

/// What a path of names leads to, one child after another.
#[must_use]
pub fn at<'a, 'input>(node: Node<'a, 'input>, path: &[&str]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}

/// The text at a path, if there is any.
#[must_use]
pub fn text<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    let text = at(node, path)?.text()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The number at a path.
#[must_use]
pub fn number(node: Node<'_, '_>, path: &[&str]) -> Option<u64> {
    text(node, path)?.parse().ok()
}

/// The `item`s of the list at a path; none where there is no list.
pub fn items<'a, 'input>(
    node: Node<'a, 'input>,
    path: &[&str],
) -> impl Iterator<Item = Node<'a, 'input>> {
    let list = at(node, path).into_iter();
    list.flat_map(|list| list.children())
        .filter(|item| item.tag_name().name() == "item")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_and_texts_are_found_by_local_name() {
        let document =
            read("<r xmlns='http://ec2/'><s><item><n>1</n></item><item><n> 2 </n></item></s></r>")
                .unwrap();
        let root = document.root_element();
        let numbers: Vec<_> = items(root, &["s"])
            .filter_map(|item| number(item, &["n"]))
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(text(root, &["s", "t"]), None);
        assert_eq!(items(root, &["none"]).count(), 0);
    }

    #[test]
    fn what_is_no_document_is_an_answer_nobody_understood() {
        let bomb = "<!DOCTYPE b [<!ENTITY a 'aaaa'>]><b>&a;</b>";
        for text in ["", "<a>", "{}", "<html>gateway</html", bomb] {
            assert!(matches!(read(text), Err(Failure::Upstream(_))), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[<>/a-c&;!\\[\\]'\" ]{0,60}") {
            let _ = read(&text);
        }
    }
}
