//! The embedded development chain: subtensor's rules on one machine, for people
//! who try the node and for tests.
//!
//! It speaks a node's JSON-RPC over WebSocket with the metadata of subtensor's
//! runtime 461, so that clients made for the real chain work unchanged, and it
//! carries out what a compute subnet needs, with the real checks under the real
//! names: founding and starting a subnet, registration against a burn and the
//! replacement of the weakest, announcing endpoints, stake, weights (plain, by
//! hash and timelocked) of one or several mechanisms, commitments, owners'
//! hyperparameters, and at the end of each tempo Yuma consensus, which yields
//! incentive and dividends. A call it does not cover fails with
//! `System.CallFiltered`; none seems to succeed.
//!
//! What it is not: there is one block producer and no consensus among nodes;
//! blocks are final at once; fees are zero, only the burn costs; roots in
//! headers are commitments without proofs. It listens on loopback alone, names
//! itself a development chain, and takes another genesis at each start, so that
//! it cannot be mistaken for a network; with a file to keep it
//! ([`Options::state`]) it goes on where it ended.
//!
//! ```text
//! rpc ── node ── ledger ── dispatch ── network, registration, serving, staking,
//!  │      │        │  │                weights, commitments, admin ── limits
//!  │      │        │  └─── epoch ───── yuma, schedule, mechanism, drand
//!  │   faults      ├ pool, extrinsic, call, invalid, shield, journal
//!  └ api ─ info    └ state ─ store, codec (the metadata: every encoding), runtime
//! ```
//!
//! Blocks come at a steady pace rather than with each extrinsic: an epoch then
//! takes as long as its tempo says, however busy the chain is. An extrinsic
//! waits for half a block on average, so demonstrations choose short blocks.

mod admin;
mod api;
mod balances;
mod block;
mod call;
mod codec;
mod commitments;
mod control;
mod dispatch;
mod drand;
mod encoded;
mod epoch;
mod event;
mod extrinsic;
mod faults;
mod genesis;
#[cfg(test)]
mod golden;
mod hash;
mod info;
mod invalid;
mod journal;
mod ledger;
mod limits;
mod mechanism;
mod network;
mod node;
mod options;
mod pool;
mod registration;
mod rpc;
mod runtime;
mod schedule;
mod serving;
mod shield;
mod staking;
mod state;
mod store;
mod weights;
mod yuma;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::subnet::BlockNumber;
use crate::subnet::chain::Head;
use crate::subnet::timelock::Beacon;
use ledger::{Ledger, LedgerError};
use node::Node;

pub use control::{ControlError, tell};
pub use faults::{Answers, Faults};
pub use journal::JournalError;
pub use options::{Options, Pace};
pub use runtime::Spec;

/// Why a development chain does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would be reachable from elsewhere.
    #[error("a development chain listens on loopback only, not on {0}; use 127.0.0.1 or ::1")]
    NotLoopback(SocketAddr),
    /// The port is taken, say.
    #[error("the development chain cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A block faster than a millisecond.
    #[error("blocks need at least one millisecond each")]
    NoPace,
    /// The file that keeps it does not.
    #[error(transparent)]
    State(#[from] JournalError),
    /// A fault of this program.
    #[error("the embedded runtime does not work: {0}")]
    Runtime(String),
}

/// A running development chain; it ends when this is dropped.
pub struct DevChain {
    node: Arc<Node>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts a development chain as `options` say.
pub async fn start(options: Options) -> Result<DevChain, Error> {
    let address = options.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    serve(listener, &options)
}

/// Starts a development chain on a listener that is bound already.
pub fn serve(listener: TcpListener, options: &Options) -> Result<DevChain, Error> {
    let address = listener.local_addr().map_err(|source| Error::Listen {
        address: options.listen,
        source,
    })?;
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    if options.pace == Pace::EveryMs(0) {
        return Err(Error::NoPace);
    }
    let runtime = |error: codec::CodecError| Error::Runtime(error.to_string());
    let salt = match options.genesis_salt {
        Some(salt) => salt,
        None => random_salt()?,
    };
    let ledger = Ledger::open(options, salt).map_err(|error| match error {
        LedgerError::Codec(error) => runtime(error),
        LedgerError::Journal(error) => Error::State(error),
    })?;
    let node = Arc::new(Node::new(ledger));
    let methods = rpc::module(Arc::clone(&node)).map_err(runtime)?;
    let mut tasks = vec![tokio::spawn(rpc::serve(
        listener,
        Arc::clone(&node),
        methods,
    ))];
    if let Pace::EveryMs(period) = options.pace {
        let node = Arc::clone(&node);
        tasks.push(tokio::spawn(async move {
            node.keep_pace(Duration::from_millis(period)).await;
        }));
    }
    Ok(DevChain {
        node,
        address,
        tasks,
    })
}

fn random_salt() -> Result<[u8; 32], Error> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| Error::Runtime(error.to_string()))?;
    Ok(salt)
}

impl DevChain {
    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hash of block zero.
    pub fn genesis(&self) -> [u8; 32] {
        self.node.ledger().genesis()
    }

    /// The runtime in force.
    pub fn spec(&self) -> Spec {
        self.node.ledger().runtime().spec
    }

    /// Follows the newest block.
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.node.head()
    }

    /// The newest block.
    pub fn head(&self) -> Head {
        *self.node.head().borrow()
    }

    /// Adds `blocks` blocks at once, whatever the pace.
    pub fn advance(&self, blocks: u64) -> Result<Head, Error> {
        let mut head = self.head();
        for _ in 0..blocks {
            head = self
                .node
                .advance()
                .map_err(|error| Error::Runtime(error.to_string()))?;
        }
        Ok(head)
    }

    /// Waits for a block of at least this height.
    pub async fn wait_for_block(&self, height: BlockNumber) -> Head {
        let mut heads = self.heads();
        // Cannot close: `self` holds the sender.
        match heads.wait_for(|head| head.number >= height).await {
            Ok(head) => *head,
            Err(_) => self.head(),
        }
    }

    /// Goes back to an earlier block, as a reorganisation does; the blocks that
    /// come next differ from those that were.
    pub fn go_back(&self, height: BlockNumber) -> Head {
        self.node.go_back(height)
    }

    /// The beacon whose rounds open timelocked commits here.
    pub fn beacon(&self) -> Beacon {
        drand::beacon().clone()
    }

    /// Lets the beacon sign ahead of its clock: the next blocks store its rounds
    /// up to this one, fifty a block.
    pub fn sign_until(&self, round: u64) {
        self.node.ledger().sign_until(round);
    }

    /// Exchanges the runtime with the next block; storage stays.
    pub fn upgrade(&self, spec: Spec) -> Result<(), Error> {
        let upgraded = self.node.ledger().upgrade(spec);
        upgraded.map_err(|error| Error::Runtime(error.to_string()))
    }

    /// What goes wrong on purpose.
    pub fn faults(&self) -> &Faults {
        &self.node.faults
    }

    /// Extrinsics that wait for the next block.
    pub fn waiting(&self) -> usize {
        self.node.ledger().pending().len()
    }

    /// Ends the chain: no more blocks, no more connections.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Aborted: there is nothing to learn from how it ended.
            let _ = task.await;
        }
        self.node.faults.cut_connections();
    }
}

impl Drop for DevChain {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.node.faults.cut_connections();
    }
}
