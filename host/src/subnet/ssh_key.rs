//! A renter's public key: one line that an SSH server may be given.
//!
//! What is handed on is made anew from the key's type and its octets, so that no
//! option, comment or second line of a stranger reaches `authorized_keys`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::rental::SSH_KEY_BYTES_MAX;

/// Types that OpenSSH takes, and how many fields follow the type's name.
const TYPES: [(&str, usize); 7] = [
    ("ssh-ed25519", 1),
    ("ssh-rsa", 2),
    ("ecdsa-sha2-nistp256", 2),
    ("ecdsa-sha2-nistp384", 2),
    ("ecdsa-sha2-nistp521", 2),
    ("sk-ssh-ed25519@openssh.com", 2),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
];

/// The key as `type base64`, or why it is none and what one looks like.
pub fn ssh_key(line: &str) -> Result<String, String> {
    let line = line.trim_end_matches('\n');
    if line.len() > SSH_KEY_BYTES_MAX {
        return Err(format!(
            "the SSH key is longer than {SSH_KEY_BYTES_MAX} bytes"
        ));
    }
    if line.chars().any(char::is_control) {
        return Err("the SSH key is not one line".to_owned());
    }
    let mut words = line.split(' ');
    let (name, encoded) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let Some((_, fields)) = TYPES.iter().find(|(known, _)| *known == name) else {
        return Err(
            "the SSH key does not begin with a type that is taken, such as ssh-ed25519; \
             it goes without options"
                .to_owned(),
        );
    };
    let octets = STANDARD.decode(encoded);
    let octets = octets.map_err(|_| "the SSH key is not base64".to_owned())?;
    let mut rest = octets.as_slice();
    let named = field(&mut rest) == Some(name.as_bytes());
    let whole = (0..*fields).all(|_| field(&mut rest).is_some_and(|field| !field.is_empty()));
    if !named || !whole || !rest.is_empty() {
        return Err(format!("the SSH key is not a whole {name} key"));
    }
    Ok(format!("{name} {}", STANDARD.encode(octets)))
}

/// A length in four octets and as many octets.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_key_is_handed_on_without_its_comment() {
        assert_eq!(ssh_key(&format!("{KEY} me@home")).unwrap(), KEY);
        assert_eq!(ssh_key(&format!("{KEY}\n")).unwrap(), KEY);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let cut = &KEY[..KEY.len() - 4];
        let rsa = KEY.replace("ssh-ed25519 ", "ssh-rsa ");
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!!!",
            cut,
            &rsa,
            &format!("command=\"sh\" {KEY}"),
            &format!("{KEY}\n{KEY}"),
            &format!("{KEY}\r"),
            &format!("ssh-dss {}", &KEY[12..]),
            &format!("{KEY} {}", "x".repeat(SSH_KEY_BYTES_MAX)),
        ] {
            assert!(ssh_key(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_taken_has_a_second_line_or_an_option(line in "\\PC{0,200}") {
            if let Ok(key) = ssh_key(&line) {
                prop_assert_eq!(key.split(' ').count(), 2);
            }
        }
    }
}
