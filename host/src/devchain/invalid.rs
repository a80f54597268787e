//! Why the transaction pool refuses, in the codes and words of a Substrate node.

use jsonrpsee::types::ErrorObjectOwned;

use super::codec::CodecError;
use super::extrinsic::Malformed;
use super::shield::Refusal;

/// Why an extrinsic is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It does not decode.
    Format(String),
    /// Its nonce was used.
    Stale,
    /// Its nonce is too far ahead.
    Future,
    /// It is not signed by its signer for this chain and runtime.
    BadProof,
    /// The block its era begins with is not known.
    AncientBirthBlock,
    /// It wants a metadata hash, which this runtime has not.
    CannotLookup,
    /// Subtensor's own refusal.
    Custom(u8),
    /// It was found bad before.
    Banned,
    /// It waits already.
    AlreadyImported,
    /// Another with its nonce waits.
    LowPriority,
    /// Too many wait.
    PoolFull,
}

impl From<Malformed> for Invalid {
    fn from(malformed: Malformed) -> Self {
        Self::Format(malformed.to_string())
    }
}

impl From<CodecError> for Invalid {
    fn from(error: CodecError) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<Refusal> for Invalid {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::Custom(23),
            Refusal::OtherKey => Self::Custom(24),
            Refusal::LivesTooLong => Self::Stale,
        }
    }
}

impl From<Invalid> for ErrorObjectOwned {
    fn from(invalid: Invalid) -> Self {
        let transaction = |text: &str| (1010, "Invalid Transaction".to_owned(), text.to_owned());
        let (code, message, data) = match invalid {
            Invalid::Format(why) => {
                let message = format!("Extrinsic has invalid format: {why}");
                return Self::owned(1001, message, None::<()>);
            }
            Invalid::Banned => {
                return Self::owned(1012, "Transaction is temporarily banned", None::<()>);
            }
            Invalid::AlreadyImported => {
                return Self::owned(1013, "Transaction Already Imported", None::<()>);
            }
            Invalid::Stale => transaction("Transaction is outdated"),
            Invalid::Future => transaction("Transaction will be valid in the future"),
            Invalid::BadProof => transaction("Transaction has a bad signature"),
            Invalid::AncientBirthBlock => transaction("Transaction has an ancient birth block"),
            Invalid::Custom(code) => transaction(&format!("Custom error: {code}")),
            Invalid::CannotLookup => (
                1011,
                "Unknown Transaction Validity".to_owned(),
                "Could not lookup information required to validate the transaction".to_owned(),
            ),
            Invalid::LowPriority => (
                1014,
                "Priority is too low: (0 vs 0)".to_owned(),
                "The transaction has too low priority to replace another transaction already in the pool.".to_owned(),
            ),
            Invalid::PoolFull => (
                1016,
                "Immediately Dropped".to_owned(),
                "The transaction couldn't enter the pool because of the limit".to_owned(),
            ),
        };
        Self::owned(code, message, Some(data))
    }
}
