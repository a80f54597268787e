//! Renting over the wire: what is asked, what is answered, and why not.
//!
//! A renter is whoever's signature was verified, and sees its own rentals only.
//! No secret travels: of the renter's key only the public half. Both ends hold
//! what they read to a size. An answer counts only with the miner's signature:
//! whoever stands on the way could put a host key of its own in its place.
//!
//! | path below [`RENT_PATH`] | body | answer |
//! |---|---|---|
//! | `/offers` | | `{"listings": [Listing]}` |
//! | `/order` | [`RentRequest`] | [`Lease`] |
//! | `/list` | | `{"leases": [Lease]}` |
//! | `/show/{key}` | | [`Lease`] |
//! | `/extend/{key}/{by_s}` | | [`Lease`] |
//! | `/end/{key}` | | [`Lease`] |
//!
//! All are `POST`. An order may be sent again: one key is one rental. An
//! extension may not: sent twice it would be twice as long.

use super::PeerError;
use crate::subnet::rental::{Lease, Listing, RentError, RentRequest};

/// Where renting begins; the last part of the path says what is wanted.
pub const RENT_PATH: &str = "/compute-subnet/1/rent";
/// The most offers in one answer; the miner's own machine is the first.
pub const LISTINGS_MAX: usize = 1_024;
/// The most rentals in one answer, the newest first.
pub const LEASES_MAX: usize = 256;

/// What a renter asks a miner for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RentCall {
    /// What can be rented now.
    Offers,
    /// A rental.
    Order(RentRequest),
    /// The renter's own rentals.
    List,
    /// One of them as it is now.
    Show {
        /// [`RentRequest::key`]
        key: String,
    },
    /// More time for one of them.
    Extend {
        /// [`RentRequest::key`]
        key: String,
        /// How much, in seconds.
        by_s: u64,
    },
    /// The end of one of them.
    End {
        /// [`RentRequest::key`]
        key: String,
    },
}

impl RentCall {
    /// The rental that is meant, if it is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Offers | Self::List => None,
            Self::Order(request) => Some(&request.key),
            Self::Show { key } | Self::Extend { key, .. } | Self::End { key } => Some(key),
        }
    }
}

/// What a miner answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RentAnswer {
    /// To [`RentCall::Offers`], at most [`LISTINGS_MAX`].
    Listings(Vec<Listing>),
    /// To [`RentCall::List`], at most [`LEASES_MAX`].
    Leases(Vec<Lease>),
    /// To everything else.
    Lease(Box<Lease>),
}

impl RentAnswer {
    /// The one rental it is about.
    pub fn into_lease(self) -> Option<Lease> {
        match self {
            Self::Lease(lease) => Some(*lease),
            Self::Listings(_) | Self::Leases(_) => None,
        }
    }
}

/// Why a miner did not do what a renter asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RentFailure {
    /// It said no, and signed that.
    #[error("the miner says: {0}")]
    Said(#[from] RentError),
    /// It signed that it did not even look at it: too busy, or the renter is
    /// not welcome.
    #[error("not served: {0}")]
    NotServed(String),
    /// Nothing that its key proves.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

impl RentFailure {
    /// Whether it may have happened all the same: look before trying elsewhere.
    pub fn effect_unknown(&self) -> bool {
        match self {
            Self::Said(RentError::Upstream(_) | RentError::Failed(_)) => true,
            Self::Peer(error) => !matches!(error, PeerError::Address(_)),
            Self::Said(_) | Self::NotServed(_) => false,
        }
    }
}

impl RentError {
    /// The word that stands for it on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoSuchMachine(_) => "no-such-machine",
            Self::Full(_) => "full",
            Self::PriceRose(_) => "price-rose",
            Self::Forbidden(_) => "forbidden",
            Self::NoSuchRental => "no-such-rental",
            Self::Busy(_) => "busy",
            Self::Upstream(_) => "upstream",
            Self::Failed(_) => "failed",
        }
    }

    /// What goes with the word: the text within, or all that is to say.
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed(text)
            | Self::NoSuchMachine(text)
            | Self::Full(text)
            | Self::Forbidden(text)
            | Self::Upstream(text)
            | Self::Failed(text) => text.clone(),
            Self::PriceRose(_) | Self::NoSuchRental | Self::Busy(_) => self.to_string(),
        }
    }

    /// What it costs now, where that is why.
    pub fn price_micro_usd_per_hour(&self) -> Option<u64> {
        match self {
            Self::PriceRose(price) => Some(*price),
            _ => None,
        }
    }

    /// The error that `code` stands for; `None` if it stands for none, or a
    /// price is missing, or if it says that nobody looked.
    pub fn from_code(code: &str, detail: String, price: Option<u64>) -> Option<Self> {
        Some(match code {
            "malformed" => Self::Malformed(detail),
            "no-such-machine" => Self::NoSuchMachine(detail),
            "full" => Self::Full(detail),
            "price-rose" => Self::PriceRose(price?),
            "forbidden" => Self::Forbidden(detail),
            "no-such-rental" => Self::NoSuchRental,
            "upstream" => Self::Upstream(detail),
            "failed" => Self::Failed(detail),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_miner_signed_is_known_not_to_have_happened() {
        let unknown = |failure: RentFailure| failure.effect_unknown();
        assert!(!unknown(RentError::Full("let".to_owned()).into()));
        assert!(!unknown(RentFailure::NotServed("busy".to_owned())));
        assert!(!unknown(PeerError::Address("private".to_owned()).into()));
        assert!(unknown(PeerError::TimedOut(1).into()));
        assert!(unknown(PeerError::Refused("unsigned".to_owned()).into()));
        assert!(unknown(RentError::Upstream("502".to_owned()).into()));
    }
}
