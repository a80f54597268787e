//! The nonces of calls under way.
//!
//! A node counts what is in its own pool. Should the connection move to another
//! node between two calls, that one may not have heard of the first yet and
//! would offer its nonce again; so what is under way is remembered here, too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::subnet::key::AccountId;

/// All nonces under way; as many as there are callers who wait.
#[derive(Default)]
pub(super) struct Nonces(Mutex<Vec<(AccountId, u64)>>);

/// One that is under way until this is dropped.
pub(super) struct Nonce<'a> {
    nonces: &'a Nonces,
    account: AccountId,
    pub(super) number: u64,
}

impl Nonces {
    /// The nonce a node offers, or the one above all that are under way.
    pub(super) fn take(&self, account: AccountId, offered: u64) -> Nonce<'_> {
        let mut under_way = self.lock();
        let own = under_way.iter().filter(|(owner, _)| *owner == account);
        let above = own.map(|(_, number)| number.saturating_add(1)).max();
        let number = above.map_or(offered, |above| above.max(offered));
        under_way.push((account, number));
        Nonce {
            nonces: self,
            account,
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(AccountId, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Nonce<'_> {
    fn drop(&mut self) {
        let own = (self.account, self.number);
        self.nonces.lock().retain(|nonce| *nonce != own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_under_way_is_not_taken_again_whatever_a_node_offers() {
        let nonces = Nonces::default();
        let (alice, bob) = (AccountId([1; 32]), AccountId([2; 32]));
        let first = nonces.take(alice, 5);
        let second = nonces.take(alice, 5);
        let others = nonces.take(bob, 5);
        assert_eq!((first.number, second.number, others.number), (5, 6, 5));
        drop(second);
        assert_eq!(nonces.take(alice, 5).number, 6);
        assert_eq!(nonces.take(alice, 9).number, 9);
        drop(first);
        assert_eq!(nonces.take(alice, 5).number, 5);
    }
}
