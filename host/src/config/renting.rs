//! `[rentals]`: who may rent; and `[operator]`: who may rent by way of this node.

use std::net::SocketAddr;

use crate::subnet::key::AccountId;

use super::problem::Problem;
use super::reader::Reader;

/// Who may rent a miner's machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renters {
    /// May rent, registered in the subnet or not.
    pub listed: Vec<AccountId>,
    /// Validators with a permit may rent as well.
    pub validators: bool,
    /// The original's `Allocate` is answered.
    pub allocate: bool,
}

impl Renters {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listed: reader.texts("rentals.renters", ADDRESSES, |text| text.parse().ok()),
            validators: reader.flag("rentals.to-validators", true),
            allocate: reader.flag("rentals.allocate", false),
        }
    }
}

/// Where a validator's operator finds and rents machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Nothing if off.
    pub listen: Option<SocketAddr>,
    /// Whose signed requests are served.
    pub keys: Vec<AccountId>,
}

impl Operator {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let expected = "an address and port such as 127.0.0.1:9292, or off";
        let listen = reader.text("operator.listen", "off", expected, |text| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        });
        let keys: Vec<AccountId> =
            reader.texts("operator.keys", ADDRESSES, |text| text.parse().ok());
        let listen = listen.flatten();
        if listen.is_some() && keys.is_empty() {
            reader.problems.push(Problem::general(
                "`operator.listen` is given and nobody may call: write the SS58 address of your \
                 own key into `operator.keys`"
                    .to_owned(),
            ));
        }
        Self { listen, keys }
    }
}

const ADDRESSES: &str = "a list of SS58 addresses";
