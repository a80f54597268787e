//! `BT_PW_*`: a variable for one keyfile, its value hidden from a glance.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The variable for the keyfile at `path`, made from the path as it is written.
pub(super) fn name(path: &Path) -> String {
    let path = path.to_string_lossy().replace(['/', '.'], "_");
    format!("BT_PW_{}", path.to_uppercase())
}

/// All names it may have: tools differ in whether they write out `~` and
/// relative paths before they make the name.
pub(super) fn names(path: &Path, home: Option<&Path>) -> Vec<String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let below_home = home
        .and_then(|home| absolute.strip_prefix(home).ok())
        .map(|below| Path::new("~").join(below));
    let mut names: Vec<String> = [Some(path.to_owned()), Some(absolute), below_home]
        .into_iter()
        .flatten()
        .map(|path: PathBuf| name(&path))
        .collect();
    names.dedup();
    names
}

/// The password in a variable's value; `None` if it holds none.
///
/// Nothing more is checked, so another name's value gives another password, most
/// often one that is no text.
pub fn decode(name: &str, value: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(BASE64.decode(value.trim()).ok()?);
    for (byte, mask) in bytes.iter_mut().zip(name.bytes().cycle()) {
        *byte ^= mask;
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}
