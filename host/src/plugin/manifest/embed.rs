//! A manifest within a component: in its last section, and out again.
//!
//! A component is a preamble of eight bytes and then sections, each an id, its
//! length in LEB128 and its content. Only sections of the component itself are
//! looked at, never those of what is nested in it.

use super::{MANIFEST_BYTES_MAX, ManifestError};

/// The custom section's name.
pub const SECTION: &str = "compute-subnet-manifest";
/// Where the first section begins.
const PREAMBLE_BYTES: usize = 8;
/// The id of a custom section.
const CUSTOM: u8 = 0;

/// The component without its manifest, and the manifest's bytes.
///
/// Bytes that are no sequence of sections have no manifest: what is wrong with
/// them is for admission to say.
pub fn split(bytes: &[u8]) -> Result<(&[u8], Option<&[u8]>), ManifestError> {
    let mut found = None;
    let mut at = PREAMBLE_BYTES;
    while let Some((id, content, next)) = section(bytes, at) {
        if id == CUSTOM
            && let Some(manifest) = named(content)
        {
            if found.is_some() {
                return Err(ManifestError::Section);
            }
            found = Some((at, manifest, next));
        }
        at = next;
    }
    match found {
        None => Ok((bytes, None)),
        Some((_, manifest, _)) if manifest.len() > MANIFEST_BYTES_MAX => {
            Err(ManifestError::TooLarge(manifest.len()))
        }
        Some((begin, manifest, end)) if end == bytes.len() => Ok((&bytes[..begin], Some(manifest))),
        Some(_) => Err(ManifestError::Section),
    }
}

/// `component`, which must have none, with `manifest` as its last section.
pub fn join(component: &[u8], manifest: &[u8]) -> Vec<u8> {
    let name = [&leb128(SECTION.len())[..], SECTION.as_bytes()].concat();
    let length = leb128(name.len() + manifest.len());
    [component, &[CUSTOM], &length, &name, manifest].concat()
}

/// The section at `at`: its id, its content, and where the next begins.
fn section(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let id = *bytes.get(at)?;
    let (length, begin) = read_leb128(bytes, at + 1)?;
    let end = begin.checked_add(length)?;
    Some((id, bytes.get(begin..end)?, end))
}

/// What follows our name in a custom section.
fn named(content: &[u8]) -> Option<&[u8]> {
    let (length, begin) = read_leb128(content, 0)?;
    let end = begin.checked_add(length)?;
    (content.get(begin..end)? == SECTION.as_bytes()).then(|| &content[end..])
}

/// An unsigned number of at most 32 bits, and where it ends.
fn read_leb128(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut number = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, at));
        }
    }
    None
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(0x80 | low_bits(number));
        number >>= 7;
    }
    bytes.push(low_bits(number));
    bytes
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit a byte")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_is_put_in_comes_out_and_the_rest_is_as_it_was() {
        for length in [0, 1, 127, 128, 20_000] {
            let manifest = vec![b'x'; length];
            let whole = join(EMPTY, &manifest);
            let (component, found) = split(&whole).unwrap();
            assert_eq!(component, EMPTY);
            assert_eq!(found.unwrap(), manifest);
            assert_eq!(split(component).unwrap(), (EMPTY, None));
        }
    }

    #[test]
    fn a_manifest_that_is_not_the_last_section_or_not_alone_is_refused() {
        let once = join(EMPTY, b"m");
        let twice = join(&once, b"m");
        assert_eq!(split(&twice), Err(ManifestError::Section));
        let followed = [&once[..], &[0, 2, 1, b'n']].concat();
        assert_eq!(split(&followed), Err(ManifestError::Section));
        let trailing = [&once[..], &[0xff]].concat();
        assert_eq!(split(&trailing), Err(ManifestError::Section));
    }

    #[test]
    fn a_flood_is_refused_unread() {
        let whole = join(EMPTY, &vec![0; MANIFEST_BYTES_MAX + 1]);
        assert!(matches!(split(&whole), Err(ManifestError::TooLarge(_))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail: Vec<u8>) {
            let _ = split(&tail);
            let _ = split(&[EMPTY, &tail].concat());
        }
    }
}
