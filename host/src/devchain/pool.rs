//! Extrinsics that wait for a block.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::call::Call;
use super::extrinsic::Extrinsic;

/// Extrinsics that may wait at once.
pub(super) const MAX_POOL: usize = 1024;
/// Hashes of extrinsics found bad that are remembered.
const MAX_BANNED: usize = 1024;
/// Reports of one extrinsic: ready, in a block, final.
const MAX_REPORTS: usize = 4;

/// What becomes of an extrinsic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It waits for the next block.
    Ready,
    /// It waits for one of a lower nonce.
    Future,
    /// It is in this block.
    InBlock([u8; 32]),
    /// And the block is final.
    Finalized([u8; 32]),
    /// It can never be included.
    Invalid,
}

/// One that waits.
pub(super) struct Pending {
    /// Itself.
    pub(super) extrinsic: Extrinsic,
    /// Its call.
    pub(super) call: Call,
    reports: mpsc::Sender<Status>,
}

impl Pending {
    /// Tells who watches; nobody may.
    pub(super) fn report(&self, status: Status) {
        let _ = self.reports.try_send(status);
    }
}

/// Those that wait, in the order they came.
#[derive(Default)]
pub(super) struct Pool {
    pending: Vec<Pending>,
    banned: VecDeque<[u8; 32]>,
}

impl Pool {
    /// Takes one in; its fate is reported to the receiver.
    pub(super) fn push(&mut self, extrinsic: Extrinsic, call: Call) -> mpsc::Receiver<Status> {
        let (reports, receiver) = mpsc::channel(MAX_REPORTS);
        self.pending.push(Pending {
            extrinsic,
            call,
            reports,
        });
        receiver
    }

    /// Whether another is one too many.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= MAX_POOL
    }

    /// Those that wait.
    pub(super) fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// Takes all out: lower nonces first, otherwise in the order they came.
    pub(super) fn drain(&mut self) -> Vec<Pending> {
        let mut pending = std::mem::take(&mut self.pending);
        // Stable, so that within a nonce the order they came in stays.
        pending.sort_by_key(|pending| pending.extrinsic.nonce);
        pending
    }

    /// Puts one back for a later block.
    pub(super) fn put_back(&mut self, pending: Pending) {
        self.pending.push(pending);
    }

    /// Remembers one that can never be included.
    pub(super) fn ban(&mut self, hash: [u8; 32]) {
        if self.banned.len() >= MAX_BANNED {
            self.banned.pop_front();
        }
        self.banned.push_back(hash);
    }

    /// Whether this one was found bad before.
    pub(super) fn is_banned(&self, hash: &[u8; 32]) -> bool {
        self.banned.contains(hash)
    }

    /// The nonce after those of this signer that wait, from `next` on.
    pub(super) fn next_nonce(&self, signer: [u8; 32], mut next: u64) -> u64 {
        let waits = |nonce| {
            let mut own = self.pending.iter().map(|pending| &pending.extrinsic);
            own.any(|extrinsic| extrinsic.signer == signer && extrinsic.nonce == nonce)
        };
        while waits(next) {
            next = next.saturating_add(1);
        }
        next
    }
}
