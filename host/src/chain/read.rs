//! What is read from the chain, each at one block.

use subxt::dynamic::Value;

use super::session::{At, Session};
use super::{calls, epoch, metagraph as answer, neurons, refusal};
use crate::subnet::chain::{ChainError, Metagraph};
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;
use crate::subnet::{BlockNumber, Netuid, Uid};

/// A subnet at the newest final block: one runtime call and, for the epoch's
/// counters, one call for values.
pub(super) async fn metagraph(session: &Session, netuid: Netuid) -> Result<Metagraph, ChainError> {
    let at = session.at_finalized().await?;
    if !at.runtime.has_api(answer::API, answer::METHOD) {
        return neurons::metagraph(&at, netuid).await;
    }
    let (found, counters) = futures::try_join!(
        at.call::<Option<answer::Raw>>(answer::API, answer::METHOD, vec![id(netuid)]),
        counters(&at, netuid),
    )?;
    let raw = found.ok_or(ChainError::NoSuchSubnet(netuid))?;
    let since = raw.blocks_since_last_step;
    raw.read(netuid, counters.schedule(since))
}

/// What a runtime that counts epochs keeps of them.
pub(super) struct Counters(Option<[u64; 3]>);

impl Counters {
    pub(super) fn schedule(self, blocks_since_last_step: u64) -> epoch::Schedule {
        match self.0 {
            Some([index, last_epoch_block, pending_epoch_at]) => epoch::Schedule::Counted {
                index,
                last_epoch_block,
                pending_epoch_at,
                blocks_since_last_step,
            },
            None => epoch::Schedule::Derived,
        }
    }
}

pub(super) async fn counters(at: &At<'_>, netuid: Netuid) -> Result<Counters, ChainError> {
    const ITEMS: [&str; 3] = ["SubnetEpochIndex", "LastEpochBlock", "PendingEpochAt"];
    if !at.runtime.has_storage(calls::PALLET, ITEMS[0]) {
        return Ok(Counters(None));
    }
    let stored = at
        .storages(&ITEMS.map(|item| (item, vec![id(netuid)])))
        .await?;
    let value = |place: usize| at.value(ITEMS[place], stored.get(place).and_then(Option::as_ref));
    Ok(Counters(Some([value(0)?, value(1)?, value(2)?])))
}

/// A neuron's weights at the newest block, as they are in storage.
pub(super) async fn weights(
    session: &Session,
    netuid: Netuid,
    uid: Uid,
) -> Result<Weights, ChainError> {
    let at = session.at_newest().await?;
    let subnet = vec![id(netuid)];
    let items = [
        ("NetworksAdded", subnet.clone()),
        ("SubnetworkN", subnet),
        ("Weights", vec![id(netuid), id(uid)]),
    ];
    let [added, count, weights] = three(at.storages(&items).await?)?;
    if !at.value::<bool>("NetworksAdded", added.as_ref())? {
        return Err(ChainError::NoSuchSubnet(netuid));
    }
    let neurons: u16 = at.value("SubnetworkN", count.as_ref())?;
    if uid >= neurons {
        return Err(ChainError::NoSuchUid {
            netuid,
            uid,
            neurons,
        });
    }
    let mut stored: Vec<(u16, u16)> = at.value("Weights", weights.as_ref())?;
    stored.retain(|(_, value)| *value > 0);
    stored.sort_unstable();
    Ok(Weights(stored))
}

fn three(stored: Vec<Option<Vec<u8>>>) -> Result<[Option<Vec<u8>>; 3], ChainError> {
    let wrong = |_| ChainError::Nonsense("not as many values as keys".to_owned());
    stored.try_into().map_err(wrong)
}

/// What a slot in a subnet costs now, in rao.
pub(super) async fn slot_price_rao(session: &Session, netuid: Netuid) -> Result<u64, ChainError> {
    let at = session.at_newest().await?;
    expect_subnet(&at, netuid).await?;
    at.storage("Burn", vec![id(netuid)]).await
}

/// The call that buys a slot, if one costs at most `limit_rao` now and the
/// hotkey has none: the coldkey is not asked for in vain.
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
    let items = [
        ("NetworksAdded", vec![id(netuid)]),
        ("Burn", vec![id(netuid)]),
        ("Uids", vec![id(netuid), Value::from_bytes(hotkey.0)]),
    ];
    let [added, burn, slot] = three(at.storages(&items).await?)?;
    if !at.value::<bool>("NetworksAdded", added.as_ref())? {
        return Err(ChainError::NoSuchSubnet(netuid));
    }
    if slot.is_some() {
        return Err(refusal::named("HotKeyAlreadyRegisteredInSubNet"));
    }
    let price_rao: u64 = at.value("Burn", burn.as_ref())?;
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

/// The first block in which an announcement is not too soon; `None` without one.
pub(super) async fn serving_allowed_from(
    session: &Session,
    netuid: Netuid,
    hotkey: AccountId,
) -> Result<Option<BlockNumber>, ChainError> {
    let at = session.at_newest().await?;
    let items = [
        ("Axons", vec![id(netuid), Value::from_bytes(hotkey.0)]),
        ("ServingRateLimit", vec![id(netuid)]),
    ];
    let stored = at.storages(&items).await?;
    let [Some(axon), limit] = &stored[..] else {
        return Ok(None);
    };
    let announced: answer::Announced = at.value("Axons", Some(axon))?;
    let limit: u64 = at.value("ServingRateLimit", limit.as_ref())?;
    Ok(Some(announced.block.saturating_add(limit)))
}

pub(super) fn id(number: u16) -> Value {
    Value::u128(u128::from(number))
}
