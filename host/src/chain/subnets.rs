//! All subnets of a chain, a line each: one call for the netuids and one for
//! what is known of them, both at one block.

use scale_decode::DecodeAsType;
use serde::Serialize;

use super::calls;
use super::read::id;
use super::session::{At, Session};
use crate::subnet::Netuid;
use crate::subnet::chain::ChainError;

/// A netuid's bytes at the end of a key.
const NETUID_BYTES: usize = 2;
/// Where owners name their subnets.
const IDENTITIES: &str = "SubnetIdentitiesV3";

/// What is known of a subnet without reading its neurons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubnetLine {
    /// Its number.
    pub netuid: Netuid,
    /// As its owner calls it; empty if it has no name.
    pub name: String,
    /// Slots that are taken.
    pub neurons: u16,
    /// Slots.
    pub max_uids: u16,
    /// Blocks of an epoch.
    pub tempo: u16,
    /// Price of a slot now, in rao.
    pub burn_rao: u64,
    /// Slots can be bought.
    pub registration: bool,
    /// Weights must be committed first.
    pub commit_reveal: bool,
}

/// The fields we need of the runtime's `SubnetIdentityV3`.
#[derive(DecodeAsType)]
struct Identity {
    subnet_name: Vec<u8>,
}

pub(super) async fn all(session: &Session) -> Result<Vec<SubnetLine>, ChainError> {
    let at = session.at_finalized().await?;
    let mut netuids: Vec<Netuid> = at
        .keys("NetworksAdded", NETUID_BYTES)
        .await?
        .iter()
        .filter_map(|key| Some(Netuid::from_le_bytes(key.as_slice().try_into().ok()?)))
        .collect();
    netuids.sort_unstable();
    let mut items = vec![
        "NetworksAdded",
        "SubnetworkN",
        "MaxAllowedUids",
        "Tempo",
        "Burn",
        "NetworkRegistrationAllowed",
        "CommitRevealWeightsEnabled",
    ];
    if at.runtime.has_storage(calls::PALLET, IDENTITIES) {
        items.push(IDENTITIES);
    }
    let asked: Vec<_> = netuids
        .iter()
        .flat_map(|netuid| items.iter().map(|item| (*item, vec![id(*netuid)])))
        .collect();
    let stored = at.storages(&asked).await?;
    let rows = netuids.into_iter().zip(stored.chunks(items.len()));
    rows.filter_map(|(netuid, row)| line(&at, netuid, &items, row).transpose())
        .collect()
}

/// `None` for a subnet that was dissolved.
fn line(
    at: &At<'_>,
    netuid: Netuid,
    items: &[&'static str],
    row: &[Option<Vec<u8>>],
) -> Result<Option<SubnetLine>, ChainError> {
    let stored = |item: &str| {
        let place = items.iter().position(|known| *known == item)?;
        row.get(place)?.as_ref()
    };
    if !at.value::<bool>("NetworksAdded", stored("NetworksAdded"))? {
        return Ok(None);
    }
    // A name that cannot be read is no reason to show nothing.
    let identity =
        stored(IDENTITIES).and_then(|bytes| at.value::<Identity>(IDENTITIES, Some(bytes)).ok());
    let name = identity.map_or_else(Vec::new, |identity| identity.subnet_name);
    let flag = |item: &str| at.value::<bool>(item, stored(item));
    let number = |item: &str| at.value::<u16>(item, stored(item));
    Ok(Some(SubnetLine {
        netuid,
        name: String::from_utf8_lossy(&name).into_owned(),
        neurons: number("SubnetworkN")?,
        max_uids: number("MaxAllowedUids")?,
        tempo: number("Tempo")?,
        burn_rao: at.value("Burn", stored("Burn"))?,
        registration: flag("NetworkRegistrationAllowed")?,
        commit_reveal: flag("CommitRevealWeightsEnabled")?,
    }))
}
