//! Subscriptions: heads, storage, the runtime's version, an extrinsic's fate.

use std::sync::Arc;

use jsonrpsee::core::SubscriptionError;
use jsonrpsee::server::{PendingSubscriptionSink, RegisterMethodError, SubscriptionSink};
use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use serde_json::{Value as Json, json, value::to_raw_value};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::super::block::{Block, hex};
use super::super::faults::Answers;
use super::super::node::Node;
use super::super::pool::Status;
use super::methods::{changes, runtime_version};
use super::params::{Positional, positional};

/// Storage keys of one subscription.
const MAX_KEYS: usize = 1024;

/// Every block is final at once, so the three are one.
const HEADS: [(&str, &str, &str); 4] = [
    (
        "chain_subscribeNewHeads",
        "chain_newHead",
        "chain_unsubscribeNewHeads",
    ),
    (
        "chain_subscribeNewHead",
        "chain_newHead",
        "chain_unsubscribeNewHead",
    ),
    (
        "chain_subscribeAllHeads",
        "chain_allHead",
        "chain_unsubscribeAllHeads",
    ),
    (
        "chain_subscribeFinalizedHeads",
        "chain_finalizedHead",
        "chain_unsubscribeFinalizedHeads",
    ),
];

/// Registers all subscriptions.
pub(super) fn register(module: &mut RpcModule<Arc<Node>>) -> Result<(), RegisterMethodError> {
    for (subscribe, notification, unsubscribe) in HEADS {
        module.register_subscription(
            subscribe,
            notification,
            unsubscribe,
            |_, pending, node, _| async move { heads(pending, &node).await },
        )?;
    }
    module.register_subscription(
        "state_subscribeStorage",
        "state_storage",
        "state_unsubscribeStorage",
        |params, pending, node, _| async move {
            match positional(&params, &["keys"]) {
                Ok(params) => storage(params, pending, &node).await,
                Err(error) => reject(pending, error).await,
            }
        },
    )?;
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        |_, pending, node, _| async move { version(pending, &node).await },
    )?;
    module.register_subscription(
        "author_submitAndWatchExtrinsic",
        "author_extrinsicUpdate",
        "author_unwatchExtrinsic",
        |params, pending, node, _| async move {
            match positional(&params, &["bytes|extrinsic"]) {
                Ok(params) => watch(params, pending, &node).await,
                Err(error) => reject(pending, error).await,
            }
        },
    )?;
    Ok(())
}

type End = Result<(), SubscriptionError>;

async fn reject(pending: PendingSubscriptionSink, error: ErrorObjectOwned) -> End {
    pending.reject(error).await;
    Ok(())
}

async fn heads(pending: PendingSubscriptionSink, node: &Node) -> End {
    let mut blocks = node.blocks();
    let first = node.ledger().head().header.json();
    let sink = pending.accept().await?;
    send(node, &sink, first).await?;
    while let Some(block) = next(&mut blocks, &sink).await {
        send(node, &sink, block.header.json()).await?;
    }
    Ok(())
}

async fn storage(params: Positional, pending: PendingSubscriptionSink, node: &Node) -> End {
    let keys = match params.list(0) {
        Ok(keys) if keys.len() <= MAX_KEYS => keys,
        Ok(_) => return reject(pending, super::params::invalid("too many keys")).await,
        Err(error) => return reject(pending, error).await,
    };
    let mut blocks = node.blocks();
    let read = || {
        let ledger = node.ledger();
        let height = u64::from(ledger.head().header.number);
        changes(&ledger, &keys, height)
    };
    let mut last = read();
    let sink = pending.accept().await?;
    send(node, &sink, last.clone()).await?;
    while next(&mut blocks, &sink).await.is_some() {
        let now = read();
        if now["changes"] != last["changes"] {
            send(node, &sink, now.clone()).await?;
        }
        last = now;
    }
    Ok(())
}

/// The runtime's version, now and whenever a block exchanges it.
async fn version(pending: PendingSubscriptionSink, node: &Node) -> End {
    let mut blocks = node.blocks();
    let read = || {
        let ledger = node.ledger();
        runtime_version(&ledger, u64::from(ledger.head().header.number))
    };
    let mut last = match read() {
        Ok(version) => version,
        Err(error) => return reject(pending, error).await,
    };
    let sink = pending.accept().await?;
    send(node, &sink, last.clone()).await?;
    while next(&mut blocks, &sink).await.is_some() {
        let now = read()?;
        if now != last {
            send(node, &sink, now.clone()).await?;
        }
        last = now;
    }
    Ok(())
}

async fn watch(params: Positional, pending: PendingSubscriptionSink, node: &Node) -> End {
    if node.faults.gate().await == Answers::Nonsense {
        return reject(pending, super::params::invalid(super::NONSENSE)).await;
    }
    let submitted = params
        .bytes(0)
        .and_then(|bytes| Ok(node.ledger().submit(&bytes)?));
    let (_, mut reports) = match submitted {
        Ok(submitted) => submitted,
        Err(error) => return reject(pending, error).await,
    };
    let sink = pending.accept().await?;
    while let Some(status) = report(&mut reports, &sink).await {
        send(node, &sink, status_json(status)).await?;
    }
    Ok(())
}

async fn report(reports: &mut mpsc::Receiver<Status>, sink: &SubscriptionSink) -> Option<Status> {
    tokio::select! {
        status = reports.recv() => status,
        () = sink.closed() => None,
    }
}

fn status_json(status: Status) -> Json {
    match status {
        Status::Ready => "ready".into(),
        Status::Future => "future".into(),
        Status::InBlock(hash) => json!({ "inBlock": hex(&hash) }),
        Status::Finalized(hash) => json!({ "finalized": hex(&hash) }),
        Status::Invalid => "invalid".into(),
    }
}

/// The next block; those missed by a slow client are skipped.
async fn next(blocks: &mut Receiver<Arc<Block>>, sink: &SubscriptionSink) -> Option<Arc<Block>> {
    loop {
        tokio::select! {
            block = blocks.recv() => match block {
                Ok(block) => return Some(block),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            },
            () = sink.closed() => return None,
        }
    }
}

async fn send(node: &Node, sink: &SubscriptionSink, message: Json) -> End {
    let message = match node.faults.gate().await {
        Answers::Nonsense => super::NONSENSE.into(),
        _ => message,
    };
    sink.send(to_raw_value(&message)?).await?;
    Ok(())
}
