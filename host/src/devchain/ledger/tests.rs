//! The ledger without a network: order of extrinsics, eras, roll-back, history.

#![allow(clippy::unwrap_used)]

use parity_scale_codec::{Compact, Encode as _};

use super::*;
use crate::devchain::options::Pace;

/// `System.remark`'s and `SubtensorModule.register_network`'s call bytes.
const REMARK: &[u8] = &[0, 0, 4, 42];
const NOT_COVERED: &[u8] = &[7, 59, 1];

struct Key(schnorrkel::Keypair);

impl Key {
    fn new(seed: u8) -> Self {
        let secret = schnorrkel::MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
        Self(secret.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519))
    }

    /// A signed extrinsic; `era` as encoded, with the hash of its first block.
    fn sign(&self, ledger: &Ledger, call: &[u8], nonce: u32, era: (&[u8], [u8; 32])) -> Vec<u8> {
        let mut extra = era.0.to_vec();
        extra.extend_from_slice(&(Compact(nonce), Compact(0_u32), 0_u8).encode());
        let implied = (461_u32, 1_u32, ledger.genesis(), era.1, 0_u8).encode();
        let payload = [call, &extra, &implied].concat();
        let signature = self.0.sign_simple(b"substrate", &payload).to_bytes();
        let public = self.0.public.to_bytes();
        let body = [&[0x84, 0][..], &public, &[1], &signature, &extra, call].concat();
        body.encode()
    }

    fn remark(&self, ledger: &Ledger, nonce: u32) -> Vec<u8> {
        self.sign(ledger, REMARK, nonce, (&[0], ledger.genesis()))
    }
}

fn ledger() -> Ledger {
    let options = Options {
        pace: Pace::Manual,
        ..Options::default()
    };
    Ledger::new(&options, [0; 32]).unwrap()
}

fn nonce(ledger: &Ledger, key: &Key) -> u32 {
    let state = ledger.state(ledger.head);
    balances::read(&state, key.0.public.to_bytes())
        .unwrap()
        .nonce
}

#[test]
fn extrinsics_of_one_signer_go_by_nonce_whatever_their_order() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    let (_, mut second) = ledger.submit(&key.remark(&ledger, 1)).unwrap();
    let (_, mut first) = ledger.submit(&key.remark(&ledger, 0)).unwrap();
    let block = ledger.advance(1).unwrap().clone();
    assert_eq!(block.extrinsics.len(), 3);
    assert_eq!(nonce(&ledger, &key), 2);
    for (reports, begins) in [(&mut first, Status::Ready), (&mut second, Status::Future)] {
        assert_eq!(reports.try_recv(), Ok(begins));
        assert_eq!(reports.try_recv(), Ok(Status::InBlock(block.hash)));
        assert_eq!(reports.try_recv(), Ok(Status::Finalized(block.hash)));
    }
}

#[test]
fn a_gap_in_the_nonces_waits_until_it_is_closed() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    ledger.submit(&key.remark(&ledger, 1)).unwrap();
    assert_eq!(ledger.advance(1).unwrap().extrinsics.len(), 1);
    assert_eq!(ledger.pending().len(), 1);
    ledger.submit(&key.remark(&ledger, 0)).unwrap();
    assert_eq!(ledger.advance(2).unwrap().extrinsics.len(), 3);
    let far = ledger.submit(&key.remark(&ledger, 1000));
    assert_eq!(far.err(), Some(Invalid::Future));
}

#[test]
fn a_used_nonce_is_stale() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    ledger.submit(&key.remark(&ledger, 0)).unwrap();
    ledger.advance(1).unwrap();
    let again = ledger.submit(&key.remark(&ledger, 0));
    assert_eq!(again.err(), Some(Invalid::Stale));
}

#[test]
fn an_era_is_bound_to_the_block_it_begins_with() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    for now in 0..9 {
        ledger.advance(now).unwrap();
    }
    // Period 4, phase 0: encoded 1 in the low bits. Born in block 8.
    let era: &[u8] = &[1, 0];
    let hash = |ledger: &Ledger, height| ledger.block(height).unwrap().hash;
    let good = key.sign(&ledger, REMARK, 0, (era, hash(&ledger, 8)));
    let old = key.sign(&ledger, REMARK, 0, (era, hash(&ledger, 4)));
    assert_eq!(ledger.submit(&old).err(), Some(Invalid::BadProof));
    ledger.submit(&good).unwrap();
    ledger.advance(10).unwrap();
    assert_eq!(nonce(&ledger, &key), 1);
}

#[test]
fn an_extrinsic_whose_era_ends_in_the_pool_is_dropped_and_banned() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    for now in 0..8 {
        ledger.advance(now).unwrap();
    }
    let birth = ledger.block(8).unwrap().hash;
    // Nonce 1 has to wait for a nonce 0 that never comes.
    let waits = key.sign(&ledger, REMARK, 1, (&[1, 0], birth));
    let (_, mut reports) = ledger.submit(&waits).unwrap();
    for now in 0..4 {
        ledger.advance(100 + now).unwrap();
    }
    assert_eq!(reports.try_recv(), Ok(Status::Future));
    assert_eq!(reports.try_recv(), Ok(Status::Invalid));
    assert_eq!(ledger.submit(&waits).err(), Some(Invalid::Banned));
}

#[test]
fn a_failed_call_costs_its_nonce_and_nothing_else() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    let call = key.sign(&ledger, NOT_COVERED, 0, (&[0], ledger.genesis()));
    ledger.submit(&call).unwrap();
    ledger.advance(1).unwrap();
    assert_eq!(nonce(&ledger, &key), 1);
    let events: Vec<u8> = {
        let item = ledger.codec().item("System", "Events").unwrap();
        let key = ledger.codec().key(item, &[]).unwrap();
        ledger.store.get(&key, 1).unwrap().to_vec()
    };
    // ExtrinsicFailed, Module { index: 0, error: CallFiltered }.
    let failed = hex::decode("00010000000001030005000000").unwrap();
    assert!(
        events.windows(failed.len()).any(|window| window == failed),
        "{}",
        hex::encode(events)
    );
}

#[test]
fn one_flipped_bit_is_a_bad_signature_or_no_extrinsic() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    let good = key.remark(&ledger, 0);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(ledger.submit(&bad).is_err(), "bit {bit}");
    }
    assert!(ledger.submit(&good).is_ok());
}

#[test]
fn the_pool_is_bounded() {
    let (mut ledger, key) = (ledger(), Key::new(1));
    let (template, call) = {
        let bytes = key.remark(&ledger, 0);
        let extrinsic = Extrinsic::decode(ledger.codec(), &bytes).unwrap();
        let call = Call::decode(ledger.codec(), &extrinsic.call).unwrap();
        (extrinsic, call)
    };
    for _ in 0..crate::devchain::pool::MAX_POOL {
        let mut other = template.clone();
        (other.hash, other.signer) = ([9; 32], [9; 32]);
        ledger.pool.push(other, call.clone());
    }
    let full = ledger.submit(&key.remark(&ledger, 0));
    assert_eq!(full.err(), Some(Invalid::PoolFull));
}

#[test]
fn blocks_hang_together_and_time_only_grows() {
    let mut ledger = ledger();
    let mut last = (ledger.genesis(), 0);
    for now in [5, 5, 3, 100] {
        let block = ledger.advance(now).unwrap().clone();
        assert_eq!(block.header.parent, last.0);
        assert_eq!(block.hash, block.header.hash());
        let time: u64 = ledger
            .state(ledger.head)
            .get("Timestamp", "Now", &[])
            .unwrap();
        assert!(time > last.1);
        last = (block.hash, time);
    }
}

#[test]
fn the_price_halves_in_its_half_life() {
    let mut ledger = ledger();
    let burn = |ledger: &Ledger| -> u64 {
        let state = ledger.state(ledger.head);
        state.subtensor("Burn", &[1_u16.into()]).unwrap()
    };
    let before = burn(&ledger);
    for now in 0..360 {
        ledger.advance(now).unwrap();
    }
    let after = burn(&ledger);
    assert!(
        after.abs_diff(before / 2) < before / 1000,
        "{before} became {after}"
    );
}
