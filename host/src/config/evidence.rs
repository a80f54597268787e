//! `[evidence]`: how long a validator remembers what it decided by.

use super::reader::Reader;

/// `[evidence]`: whichever is reached first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Days, of 12-second blocks, after which sessions and epochs go.
    pub keep_days: u64,
    /// What sessions and epochs may take, half of it each.
    pub keep_mib: u64,
}

impl Evidence {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            keep_days: reader.integer("evidence.keep-days", 30, 1..=3_650),
            keep_mib: reader.integer("evidence.keep-mib", 4_096, 64..=16_777_216),
        }
    }
}
