//! Gets a call into a block, or learns why not.
//!
//! The nonce is taken, signed and handed to the pool by one submission at a
//! time; a pool that refuses the nonce or the runtime's version (somebody else
//! used the key, or the runtime was upgraded) is given the call signed anew.
//! Waiting for the block is then everybody's own. Success is told from a
//! final block's events, never from the pool. The node's notifications only
//! make it quicker: should they be lost with the connection, the blocks since
//! are searched for the extrinsic's own bytes, through whichever endpoint
//! answers. The same bytes may be handed in again at any time, since a nonce
//! counts once.

use jsonrpsee::core::client::Subscription;
use serde_json::Value;
use tokio::time::Instant;

use super::calls::Call;
use super::link::{Progress, prefixed, progress};
use super::nonces::Nonce;
use super::refusal::{self, Submission};
use super::runtime::{ERA_BLOCKS, Outcome};
use super::session::Session;
use super::shared::Shared;
use crate::subnet::BlockNumber;
use crate::subnet::chain::{ChainError, Head, Included};
use crate::subnet::key::Signer;

/// How often the same bytes are handed in again after the pool or the
/// connection lost them.
const HAND_INS_MAX: u32 = 5;
/// How often a call is signed before the pool's refusal counts.
const SIGNINGS_MAX: u32 = 3;

/// An extrinsic on its way.
struct Sent<'a> {
    /// Nobody else's while this waits.
    _nonce: Nonce<'a>,
    bytes: Vec<u8>,
    /// As blocks list it.
    hex: String,
    /// The last block known not to hold it.
    searched: BlockNumber,
    /// The last block that may hold it.
    expires: BlockNumber,
}

/// Signs `call`, submits it and waits for the final block that holds it.
pub(super) async fn submit(
    shared: &Shared,
    call: &Call,
    signer: &dyn Signer,
) -> Result<Included, ChainError> {
    let limit = shared.options.timing.inclusion_deadline;
    let deadline = Instant::now() + limit;
    let mut signings = 1;
    loop {
        let (mut sent, notifications) = hand_in(shared, call, signer).await?;
        tracing::debug!(call = call.name, "submitted");
        let watching = watch(shared, &mut sent, notifications);
        match tokio::time::timeout_at(deadline, watching).await {
            // The runtime changed while it waited: its bytes are of no use any more,
            // and the same nonce keeps it from counting twice.
            Ok(Err(error)) if refusal::is_outdated(&error) && signings < SIGNINGS_MAX => {
                signings += 1;
            }
            Ok(result) => return result,
            Err(_) => return Err(ChainError::Unknown(limit.as_secs())),
        }
    }
}

async fn hand_in<'a>(
    shared: &'a Shared,
    call: &Call,
    signer: &dyn Signer,
) -> Result<(Sent<'a>, Option<Subscription<Value>>), ChainError> {
    let _turn = shared
        .submitting
        .acquire()
        .await
        .map_err(|_| ChainError::Unreachable("the connection is being shut down".to_owned()))?;
    let mut signings = 1;
    loop {
        let session = shared.session().await?;
        let sent = sign(shared, &session, call, signer).await?;
        match enter_pool(&session, &sent.bytes).await {
            Ok(notifications) => return Ok((sent, notifications)),
            Err(Submission::Perhaps) => return Ok((sent, None)),
            // Refused, so it is not in the pool: signed anew, nothing is sent twice.
            Err(Submission::Refused(error))
                if refusal::is_mended_by_signing(&error) && signings < SIGNINGS_MAX =>
            {
                tracing::debug!(%error, call = call.name, "signing it anew");
                signings += 1;
            }
            Err(Submission::Refused(error)) => return Err(error),
        }
    }
}

/// For the runtime that will carry it out, which is the newest block's, and
/// living from a final block on, which no reorganisation takes away.
async fn sign<'a>(
    shared: &'a Shared,
    session: &Session,
    call: &Call,
    signer: &dyn Signer,
) -> Result<Sent<'a>, ChainError> {
    let account = signer.account();
    let (at, birth, offered) =
        futures::try_join!(session.at_newest(), session.at_finalized(), async {
            Ok(session.link.next_nonce(&account).await?)
        },)?;
    let nonce = shared.nonces.take(account, offered);
    let bytes = at.runtime.sign(call, signer, nonce.number, birth.head)?;
    Ok(Sent {
        _nonce: nonce,
        hex: prefixed(&bytes),
        bytes,
        searched: birth.head.number,
        expires: birth.head.number.saturating_add(ERA_BLOCKS),
    })
}

/// Hands the bytes over, with notifications where the node has them.
async fn enter_pool(
    session: &Session,
    extrinsic: &[u8],
) -> Result<Option<Subscription<Value>>, Submission> {
    match session.link.submit_and_watch(extrinsic).await {
        Ok(notifications) => Ok(Some(notifications)),
        Err(error) if error.is_unknown_method() => session
            .link
            .submit(extrinsic)
            .await
            .map(|()| None)
            .map_err(refusal::submission),
        Err(error) => Err(refusal::submission(error)),
    }
}

/// Ends with the extrinsic's fate; the caller bounds the time.
async fn watch(
    shared: &Shared,
    sent: &mut Sent<'_>,
    mut notifications: Option<Subscription<Value>>,
) -> Result<Included, ChainError> {
    let mut heads = shared.heads.subscribe();
    let mut retries = 0;
    loop {
        let told = tokio::select! {
            told = told(&mut notifications) => told,
            changed = heads.changed() => match changed {
                Ok(()) => Progress::Pending,
                Err(_) => return Err(ChainError::Unreachable("the node is shutting down".to_owned())),
            },
        };
        if let Progress::Ended(reason) = &told {
            tracing::debug!(reason, "the pool let go of an extrinsic");
            notifications = None;
        }
        let head = *heads.borrow_and_update();
        match search(shared, sent, head, &told).await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => {}
            // Another endpoint may answer: the search goes on where it stopped.
            Err(error) => tracing::debug!(%error, "a block could not be searched"),
        }
        if notifications.is_none() && retries < HAND_INS_MAX {
            retries += 1;
            match again(shared, sent).await {
                Ok(fresh) => notifications = fresh,
                // By ours or by another's extrinsic: blocks will tell.
                Err(error) if refusal::is_stale(&error) => retries = HAND_INS_MAX,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The next notification; never, without a subscription.
async fn told(notifications: &mut Option<Subscription<Value>>) -> Progress {
    let Some(subscription) = notifications else {
        return std::future::pending().await;
    };
    match subscription.next().await {
        Some(Ok(notification)) => progress(&notification),
        Some(Err(_)) => Progress::Pending,
        None => {
            *notifications = None;
            Progress::Pending
        }
    }
}

/// Looks for the extrinsic in the block it was told to be in, then in all
/// final blocks that were not searched yet.
async fn search(
    shared: &Shared,
    sent: &mut Sent<'_>,
    head: Head,
    told: &Progress,
) -> Result<Option<Result<Included, ChainError>>, ChainError> {
    let session = shared.session().await?;
    if let Progress::Finalized(hash) = told {
        let block = session.link.head(*hash).await?;
        if let Some(outcome) = look_into(&session, sent, block).await? {
            return Ok(Some(outcome));
        }
    }
    while sent.searched < head.number.min(sent.expires) {
        let number = sent.searched + 1;
        let Some(hash) = session.link.block_hash(Some(number)).await? else {
            return Ok(None);
        };
        if let Some(outcome) = look_into(&session, sent, Head { number, hash }).await? {
            return Ok(Some(outcome));
        }
        sent.searched = number;
    }
    let expired = sent.searched >= sent.expires;
    Ok(expired.then(|| Err(refusal::named("AncientBirthBlock"))))
}

async fn look_into(
    session: &Session,
    sent: &Sent<'_>,
    block: Head,
) -> Result<Option<Result<Included, ChainError>>, ChainError> {
    let extrinsics = session.link.extrinsics(block.hash).await?;
    let Some(place) = extrinsics
        .iter()
        .position(|extrinsic| extrinsic.eq_ignore_ascii_case(&sent.hex))
    else {
        return Ok(None);
    };
    let place = u32::try_from(place)
        .map_err(|_| ChainError::Nonsense("a block of billions of extrinsics".to_owned()))?;
    Ok(Some(match outcome(session, block, place).await? {
        Outcome::Success => Ok(Included {
            block: block.number,
            hash: block.hash,
        }),
        Outcome::Failed(name) => Err(refusal::named(name)),
    }))
}

/// What the block's events say of its extrinsic. The runtime that wrote them is
/// the one before the block; the block's own differs if it brought an upgrade.
async fn outcome(session: &Session, block: Head, place: u32) -> Result<Outcome, ChainError> {
    let at = session.at(block).await?;
    let events = at.events().await?;
    let parent = session
        .link
        .block_hash(block.number.checked_sub(1))
        .await?
        .ok_or_else(|| ChainError::Nonsense("a block without a parent".to_owned()))?;
    let before = session
        .at(Head {
            number: block.number.saturating_sub(1),
            hash: parent,
        })
        .await;
    let told = before.and_then(|before| before.runtime.outcome(&events, place));
    told.or_else(|_| at.runtime.outcome(&events, place))
}

/// Hands the same bytes in once more; an error is the chain's last word.
async fn again(
    shared: &Shared,
    sent: &Sent<'_>,
) -> Result<Option<Subscription<Value>>, ChainError> {
    let Ok(session) = shared.session().await else {
        return Ok(None);
    };
    match enter_pool(&session, &sent.bytes).await {
        Ok(notifications) => Ok(notifications),
        Err(Submission::Perhaps) => Ok(None),
        Err(Submission::Refused(error)) => Err(error),
    }
}
