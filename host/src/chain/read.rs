//! What is read from the chain, each at one block.

use subxt::dynamic::Value;

use super::session::{At, Session};
use super::{calls, epoch, metagraph as answer};
use crate::subnet::chain::{ChainError, Metagraph};
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;
use crate::subnet::{BlockNumber, Netuid, Uid};

/// A subnet at the newest final block.
pub(super) async fn metagraph(session: &Session, netuid: Netuid) -> Result<Metagraph, ChainError> {
    let at = session.at_finalized().await?;
    let found: Option<answer::Raw> = at
        .call(answer::API, answer::METHOD, vec![id(netuid)])
        .await?;
    let raw = found.ok_or(ChainError::NoSuchSubnet(netuid))?;
    let counted = at.runtime.has_storage(calls::PALLET, "SubnetEpochIndex");
    let schedule = match counted {
        true => epoch::Schedule::Counted {
            index: at.storage("SubnetEpochIndex", vec![id(netuid)]).await?,
            last_epoch_block: at.storage("LastEpochBlock", vec![id(netuid)]).await?,
            pending_epoch_at: at.storage("PendingEpochAt", vec![id(netuid)]).await?,
            blocks_since_last_step: raw.blocks_since_last_step,
        },
        false => epoch::Schedule::Derived,
    };
    raw.read(netuid, schedule)
}

/// A neuron's weights at the newest block, as they are in storage.
pub(super) async fn weights(
    session: &Session,
    netuid: Netuid,
    uid: Uid,
) -> Result<Weights, ChainError> {
    let at = session.at_newest().await?;
    expect_subnet(&at, netuid).await?;
    let mut stored: Vec<(u16, u16)> = at.storage("Weights", vec![id(netuid), id(uid)]).await?;
    stored.retain(|(_, value)| *value > 0);
    stored.sort_unstable();
    Ok(Weights(stored))
}

/// The call that buys a slot, if one costs at most `limit_rao` now.
///
/// Runtimes with `register_limit` hold the limit themselves; with older ones
/// the price may still rise before the call is included.
pub(super) async fn registration(
    session: &Session,
    netuid: Netuid,
    hotkey: AccountId,
    limit_rao: u64,
) -> Result<calls::Call, ChainError> {
    let at = session.at_newest().await?;
    expect_subnet(&at, netuid).await?;
    let price_rao: u64 = at.storage("Burn", vec![id(netuid)]).await?;
    if price_rao > limit_rao {
        return Err(ChainError::TooDear {
            price_rao,
            limit_rao,
        });
    }
    if at.runtime.has_call(calls::PALLET, "register_limit") {
        return Ok(calls::register_limit(netuid, &hotkey, limit_rao));
    }
    Ok(calls::burned_register(netuid, &hotkey))
}

/// The call that sets weights, by the name this runtime has for it.
pub(super) async fn setting(
    session: &Session,
    netuid: Netuid,
    weights: Weights,
    version_key: u64,
) -> Result<calls::Call, ChainError> {
    let at = session.at_newest().await?;
    if at.runtime.has_call(calls::PALLET, "set_mechanism_weights") {
        return Ok(calls::set_mechanism_weights(netuid, &weights, version_key));
    }
    Ok(calls::set_weights(netuid, &weights, version_key))
}

async fn expect_subnet(at: &At<'_>, netuid: Netuid) -> Result<(), ChainError> {
    match at.storage("NetworksAdded", vec![id(netuid)]).await? {
        true => Ok(()),
        false => Err(ChainError::NoSuchSubnet(netuid)),
    }
}

/// The first block in which weights are not too soon; `None` without a slot.
pub(super) async fn weights_allowed_from(
    session: &Session,
    netuid: Netuid,
    hotkey: AccountId,
) -> Result<Option<BlockNumber>, ChainError> {
    let at = session.at_newest().await?;
    let keys = vec![id(netuid), Value::from_bytes(hotkey.0)];
    let Ok(uid) = at.storage::<u16>("Uids", keys).await else {
        return Ok(None);
    };
    let updates: Vec<u64> = at.storage("LastUpdate", vec![id(netuid)]).await?;
    let limit: u64 = at.storage("WeightsSetRateLimit", vec![id(netuid)]).await?;
    Ok(updates
        .get(usize::from(uid))
        .map(|last| last.saturating_add(limit)))
}

fn id(number: u16) -> Value {
    Value::u128(u128::from(number))
}
