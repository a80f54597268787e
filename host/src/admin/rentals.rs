//! What an operator may ask of a miner's landlord.

use serde::{Deserialize, Serialize};

use crate::subnet::rental::{Landlord, RentError, RentRequest, Renter};

use super::protocol::Reply;

/// About rentals; a key is the operator's own, or the one a provider knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rentals {
    /// The newest, over or not.
    List,
    /// One as it is now.
    Show(String),
    /// One more, for the operator itself.
    Order(Box<RentRequest>),
    /// A later end.
    Extend {
        /// Which.
        key: String,
        /// By how much.
        by_s: u64,
    },
    /// Its end.
    End(String),
}

impl Rentals {
    pub(super) async fn carry_out(self, landlord: &dyn Landlord) -> Reply {
        let operator = &Renter::Operator;
        let lease = match self {
            Self::List => return reply(landlord.rentals().await),
            Self::Show(key) => landlord.inspect(operator, &key).await,
            Self::Order(request) => landlord.rent(operator, *request).await,
            Self::Extend { key, by_s } => landlord.extend(operator, &key, by_s).await,
            Self::End(key) => landlord.end(operator, &key).await,
        };
        reply(lease)
    }
}

fn reply(done: Result<impl Serialize, RentError>) -> Reply {
    let value = done.map_err(|error| error.to_string());
    match value.and_then(|value| serde_json::to_value(value).map_err(|error| error.to_string())) {
        Ok(value) => Reply::Done(value),
        Err(why) => Reply::Failed(why),
    }
}
