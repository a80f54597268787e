//! Timelock encryption: sealed now, opened by anyone once a beacon has spoken.
//!
//! A drand beacon signs the number of one round after another with a key whose
//! public half is known. What is sealed for a round needs that round's
//! signature and nothing else to be opened. Subtensor keeps commits of weights
//! this way (commit-reveal version 4), with drand's quicknet.
//!
//! The scheme is Boneh and Franklin's FullIdent on BLS12-381, signatures in G1,
//! around AES-256-GCM; the bytes are those of `bittensor-drand` 2.0 (ark's
//! canonical serialisation), checked against its own ciphertexts. Here are the
//! scheme, the beacon and its clock, which a chain client and the development
//! chain share; what is sealed in a commit and when it is due is theirs.
//!
//! Sealed bytes and signatures come from strangers: their sizes are bounded,
//! points off the curve or out of the subgroup are refused, and a ciphertext
//! that was not made by the rule does not open.

mod beacon;
mod cipher;
#[cfg(test)]
mod tests;
mod wire;

pub use beacon::{Beacon, BeaconKey, PUBLIC_KEY_BYTES, RoundSignature, SIGNATURE_BYTES};

/// The longest sealed message, in bytes: what subtensor takes as a commit.
pub const SEALED_BYTES_MAX: usize = 5000;

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimelockError {
    /// Not the bytes of a point of the group.
    #[error("{0} is not a point of its group")]
    NoPoint(&'static str),
    /// Larger than the chain takes.
    #[error("{0} bytes are sealed, and the chain takes {SEALED_BYTES_MAX}")]
    TooLong(usize),
    /// Not laid out as a sealed message.
    #[error("the sealed message is malformed: {0}")]
    Malformed(&'static str),
    /// Altered, or sealed for another round or beacon.
    #[error("this round's signature does not open it")]
    NotOpened,
    /// The operating system gave no randomness.
    #[error("there is no randomness to seal with")]
    NoRandomness,
    /// A beacon without a period.
    #[error("the beacon's period is zero")]
    NoPeriod,
}

impl Beacon {
    /// Seals `message` until this beacon has signed `round`.
    pub fn seal(&self, message: &[u8], round: u64) -> Result<Vec<u8>, TimelockError> {
        let sealed = cipher::seal(
            message,
            beacon::identity(round),
            &self.key,
            cipher::random()?,
        )?;
        let bytes = wire::write(&sealed);
        match bytes.len() {
            0..=SEALED_BYTES_MAX => Ok(bytes),
            long => Err(TimelockError::TooLong(long)),
        }
    }
}

impl RoundSignature {
    /// Opens what was sealed for the round that this signs.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, TimelockError> {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(TimelockError::TooLong(sealed.len()));
        }
        cipher::open(&wire::read(sealed)?, self)
    }
}
