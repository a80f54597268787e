//! Requests of the classic wire, made as a Python dendrite makes them.

use std::sync::atomic::{AtomicU64, Ordering};

use host::subnet::key::Signer;
use host::synapse::classic::{Head, Terminal, VERSION, message};

use super::support::{bob, now_ns};

/// The hash of a body of which nothing is hashed.
pub(crate) const NO_HASH: &str = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a";

static NONCES: AtomicU64 = AtomicU64::new(0);

/// A head by `key` to Bob, signed over `hash` at `nonce`.
pub(crate) fn head(key: &dyn Signer, nonce: u64, hash: &str) -> Head {
    let (own, uuid) = (
        key.account().to_ss58(),
        "46199c12-e677-11f1-9df4-02fc00000001",
    );
    let signed = message(nonce, &own, &bob().account().to_ss58(), uuid, hash);
    let signature = key.sign(signed.as_bytes());
    Head {
        timeout_s: Some(12.0),
        dendrite: Terminal {
            version: Some(VERSION),
            nonce: Some(nonce),
            uuid: Some(uuid.to_owned()),
            hotkey: Some(own),
            signature: Some(format!("0x{}", hex::encode(signature.0))),
            ..Terminal::default()
        },
        computed_body_hash: Some(hash.to_owned()),
        ..Head::default()
    }
}

/// The bytes of a request for a synapse, without announcements.
pub(crate) fn bytes(name: &str, head: &Head, body: &str) -> Vec<u8> {
    let mut text = format!("POST /{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in &head.write() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// A request made now of which nothing is hashed; no two have one nonce.
pub(crate) fn request(key: &dyn Signer, name: &str, body: &str) -> Vec<u8> {
    let nonce = now_ns() + NONCES.fetch_add(1, Ordering::Relaxed);
    bytes(name, &head(key, nonce, NO_HASH), body)
}
