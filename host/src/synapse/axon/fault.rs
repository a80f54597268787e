//! A name for something that went wrong, to find it in the log by.

/// A random UUID of version 4, as Python writes one.
pub(super) fn id() -> String {
    let mut bytes = [0; 16];
    // Without randomness every fault has one name, which is still a name.
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_looks_like_pythons() {
        let id = super::id();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert_ne!(id, super::id());
    }
}
