//! What a renter may ask for, before anybody looks at what there is.

use sha2::{Digest as _, Sha256};

use crate::subnet::key::AccountId;
use crate::subnet::letting::{Probes, Rules};
use crate::subnet::rental::{ID_BYTES_MAX, RentError, RentRequest};
use crate::subnet::ssh_key::ssh_key;
use crate::subnet::{Netuid, text};

/// The longest name of an image, in bytes.
const IMAGE_BYTES_MAX: usize = 512;
/// Random octets of an order's key.
const KEY_OCTETS: usize = 10;
/// Octets of the part of it that all of a node's orders share.
const PREFIX_OCTETS: usize = 6;
/// Hexadecimal digits that keep shortened ids apart.
const MARK_DIGITS: usize = 12;

/// Checks all that can be told from the request alone.
pub(super) fn check(request: &RentRequest, rules: &Rules) -> Result<(), RentError> {
    let malformed = |why: &str| Err(RentError::Malformed(why.to_owned()));
    let key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=ID_BYTES_MAX).contains(&request.key.len()) || !request.key.chars().all(key) {
        return malformed("a key is lower case letters, digits and dashes, 128 at most");
    }
    if request.machine.len() > ID_BYTES_MAX || !text::is_plain(&request.machine) {
        return malformed("a machine's id is plain text of 128 bytes at most");
    }
    if !request.image.as_deref().is_none_or(is_pinned) {
        return malformed("an image is named with its digest, as in name@sha256:...");
    }
    if let Err(why) = ssh_key(&request.ssh_public_key) {
        return Err(RentError::Malformed(why));
    }
    if request.duration_s == 0 {
        return malformed("a rental of no time");
    }
    allowed(request, rules)
}

fn allowed(request: &RentRequest, rules: &Rules) -> Result<(), RentError> {
    let forbidden = |why: String| Err(RentError::Forbidden(why));
    let (min, max) = (rules.duration_s_min, rules.duration_s_max);
    if !(min..=max).contains(&request.duration_s) {
        return forbidden(format!("a rental takes from {min} to {max} seconds"));
    }
    if !request.probe {
        return Ok(());
    }
    if request.duration_s > rules.probe_duration_s_max.max(min) {
        let max = rules.probe_duration_s_max.max(min);
        return forbidden(format!("a probe takes at most {max} seconds"));
    }
    match rules.probes {
        Probes::Nothing => forbidden("no machine may be probed".to_owned()),
        Probes::Own if !request.machine.is_empty() => {
            forbidden("only the miner's own machine may be probed".to_owned())
        }
        _ => Ok(()),
    }
}

fn is_pinned(image: &str) -> bool {
    let digest = image.rsplit_once("@sha256:").map(|(name, digest)| {
        !name.is_empty()
            && digest.len() == 64
            && digest
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    image.len() <= IMAGE_BYTES_MAX
        && image.bytes().all(|b| b.is_ascii_graphic())
        && digest.unwrap_or(false)
}

/// What all order keys of one node begin with, so that two nodes on one account
/// know their own. The same after a ledger was lost.
pub(super) fn prefix(me: &AccountId, netuid: Netuid, network: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"compute-subnet/orders/1");
    hash.update(me.0);
    hash.update(netuid.to_be_bytes());
    hash.update(network.as_bytes());
    format!("h{}-", hex::encode(&hash.finalize()[..PREFIX_OCTETS]))
}

/// A key that no order had before.
pub(super) fn order_key(prefix: &str) -> Result<String, RentError> {
    let mut octets = [0; KEY_OCTETS];
    getrandom::fill(&mut octets)
        .map_err(|error| RentError::Failed(format!("no randomness: {error}")))?;
    Ok(format!("{prefix}{}", hex::encode(octets)))
}

/// A machine's id: adapter and offer, in letters that pass everywhere; one that had
/// to be changed is marked with a digest of what it was.
pub(super) fn machine_id(adapter: &str, offer: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let whole = format!("{adapter}/{offer}");
    if whole.len() <= ID_BYTES_MAX && offer.chars().all(plain) {
        return whole;
    }
    let mark = &hex::encode(Sha256::digest(&whole))[..MARK_DIGITS];
    let changed = offer.chars().map(|c| if plain(c) { c } else { '-' });
    let room = ID_BYTES_MAX.saturating_sub(adapter.len() + MARK_DIGITS + 2);
    let kept: String = changed.take(room).collect();
    format!("{adapter}/{kept}~{mark}")
}

/// Whether `machine` means this offer: by its id, or as its adapter calls it.
pub(super) fn is_called(machine: &str, adapter: &str, offer: &str) -> bool {
    let own_word = machine.strip_prefix(adapter);
    machine == machine_id(adapter, offer)
        || own_word.and_then(|rest| rest.strip_prefix('/')) == Some(offer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_offer_is_called_by_its_id_or_as_its_adapter_calls_it() {
        let offer = "us-east-1/t3.micro/on-demand";
        let id = machine_id("aws", offer);
        assert!(id.starts_with("aws/us-east-1-t3.micro-on-demand~"), "{id}");
        assert!(is_called(&id, "aws", offer));
        assert!(is_called("aws/us-east-1/t3.micro/on-demand", "aws", offer));
        for other in ["", offer, "aws", "aws/", "aws/us-east-1/t3.micro"] {
            assert!(!is_called(other, "aws", offer), "{other}");
        }
    }

    #[test]
    fn two_nodes_on_one_account_have_keys_of_their_own() {
        let (one, other) = (AccountId([1; 32]), AccountId([2; 32]));
        let prefixes = [
            prefix(&one, 1, "finney"),
            prefix(&other, 1, "finney"),
            prefix(&one, 2, "finney"),
            prefix(&one, 1, "test"),
        ];
        let apart: std::collections::BTreeSet<_> = prefixes.iter().collect();
        assert_eq!(apart.len(), prefixes.len());
        let key = order_key(&prefixes[0]).unwrap();
        assert!(key.starts_with(&prefixes[0]) && key.len() < 64, "{key}");
        assert_ne!(key, order_key(&prefixes[0]).unwrap());
    }

    #[test]
    fn an_image_that_could_change_under_its_name_is_refused() {
        let digest = "0".repeat(64);
        assert!(is_pinned(&format!("ghcr.io/a/b@sha256:{digest}")));
        for bad in [
            "ubuntu",
            "ubuntu:24.04",
            "x@sha256:00",
            &format!("@sha256:{digest}"),
        ] {
            assert!(!is_pinned(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ids_are_short_plain_and_apart(a in "\\PC{0,300}", b in "\\PC{0,300}") {
            let (x, y) = (machine_id("provider-x", &a), machine_id("provider-x", &b));
            prop_assert!(x.len() <= ID_BYTES_MAX && x.is_ascii());
            prop_assert_eq!(x == y, a == b);
        }
    }
}
