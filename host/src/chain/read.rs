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

/// What decides a subnet's epochs, and its tempo.
pub(super) async fn schedule(
    at: &At<'_>,
    netuid: Netuid,
) -> Result<(epoch::Schedule, u16), ChainError> {
    let tempo = at.storage("Tempo", vec![id(netuid)]).await?;
    if !at.runtime.has_storage(calls::PALLET, "SubnetEpochIndex") {
        return Ok((epoch::Schedule::Derived, tempo));
    }
    let counted = epoch::Schedule::Counted {
        index: at.storage("SubnetEpochIndex", vec![id(netuid)]).await?,
        last_epoch_block: at.storage("LastEpochBlock", vec![id(netuid)]).await?,
        pending_epoch_at: at.storage("PendingEpochAt", vec![id(netuid)]).await?,
        blocks_since_last_step: at.storage("BlocksSinceLastStep", vec![id(netuid)]).await?,
    };
    Ok((counted, tempo))
}

/// A neuron's weights at the newest block, as they are in storage.
pub(super) async fn weights(
    session: &Session,
    netuid: Netuid,
    uid: Uid,
) -> Result<Weights, ChainError> {
    let at = session.at_newest().await?;
    expect_subnet(&at, netuid).await?;
    stored_weights(&at, netuid, uid).await
}

/// A neuron's weights as they are in storage.
pub(super) async fn stored_weights(
    at: &At<'_>,
    netuid: Netuid,
    uid: Uid,
) -> Result<Weights, ChainError> {
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

/// The name of a call about weights, as this runtime has it.
pub(super) async fn weighing(
    session: &Session,
    weighing: calls::Weighing,
) -> Result<&'static str, ChainError> {
    let at = session.at_newest().await?;
    at.weighing(weighing).ok_or_else(|| ChainError::Refused {
        name: "NoSuchCall".to_owned(),
        remedy: format!(
            "This chain's runtime ({}) has no call `{}`",
            at.runtime.spec_version(),
            weighing.on_the_subnet()
        ),
    })
}

/// The slot that a hotkey holds.
pub(super) async fn uid(
    at: &At<'_>,
    netuid: Netuid,
    hotkey: &AccountId,
) -> Result<Option<Uid>, ChainError> {
    at.find("Uids", vec![id(netuid), Value::from_bytes(hotkey.0)])
        .await
}

pub(super) async fn expect_subnet(at: &At<'_>, netuid: Netuid) -> Result<(), ChainError> {
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
    let Some(uid) = uid(&at, netuid, &hotkey).await? else {
        return Ok(None);
    };
    let updates: Vec<u64> = at.storage("LastUpdate", vec![id(netuid)]).await?;
    let limit: u64 = at.storage("WeightsSetRateLimit", vec![id(netuid)]).await?;
    Ok(updates
        .get(usize::from(uid))
        .map(|last| last.saturating_add(limit)))
}

pub(super) fn id(number: u16) -> Value {
    Value::u128(u128::from(number))
}
