//! The ledger's promises, on real files.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::subnet::hardware::Hardware;
use crate::subnet::provider::Offer;
use crate::subnet::rental::{Phase, RentRequest};

fn owner() -> LedgerOwner {
    LedgerOwner {
        netuid: 7,
        hotkey: AccountId([2; 32]),
    }
}

fn open(folder: &tempfile::TempDir, retention: LedgerRetention) -> SqliteLedger {
    SqliteLedger::open(&folder.path().join("state"), &owner(), retention).unwrap()
}

fn fresh() -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder, LedgerRetention::default());
    (folder, ledger)
}

fn rental(number: u64, renter: Renter) -> Rental {
    Rental {
        order_key: format!("order-{number}"),
        renter,
        request: RentRequest {
            key: format!("key-{number}"),
            machine: String::new(),
            image: None,
            ssh_public_key: String::new(),
            cpu_threads: 0,
            memory_mib: 0,
            disk_mib: 0,
            duration_s: 3_600,
            price_micro_usd_per_hour_max: 1,
            probe: false,
        },
        adapter: format!("adapter-{}", number % 2),
        offer: Offer {
            id: "x".to_owned(),
            hardware: Hardware::default(),
            region: String::new(),
            price_micro_usd_per_hour: 1,
            interruptible: false,
            labels: Vec::new(),
        },
        price_micro_usd_per_hour: 1,
        spend_micro_usd_max: 100,
        began_at: number,
        ends_at: number + 3_600,
        phase: Phase::Intended,
        instance: None,
        over_at: None,
        labels: Vec::new(),
    }
}

fn over(mut rental: Rental, at: u64) -> Rental {
    rental.phase = Phase::Refused {
        reason: "no".to_owned(),
    };
    rental.over_at = Some(at);
    rental
}

const HOTKEY: Renter = Renter::Hotkey(AccountId([5; 32]));

#[test]
fn a_renter_s_key_is_one_rental_across_a_restart() {
    let (folder, ledger) = fresh();
    let first = rental(1, HOTKEY);
    assert_eq!(ledger.open(&first).unwrap(), first);
    drop(ledger);
    let ledger = open(&folder, LedgerRetention::default());
    let mut again = rental(2, HOTKEY);
    again.request.key = first.request.key.clone();
    assert_eq!(ledger.open(&again).unwrap(), first);
    let mut others = again.clone();
    others.renter = Renter::Operator;
    assert_eq!(ledger.open(&others).unwrap(), others);
    assert_eq!(ledger.live().unwrap(), [first.clone(), others]);
    assert_eq!(
        ledger.of_renter(&HOTKEY, "key-1").unwrap(),
        Some(first.clone())
    );
    assert_eq!(ledger.rental("order-1").unwrap(), Some(first));
    assert_eq!(ledger.rental("order-9").unwrap(), None);
}

#[test]
fn what_is_over_stays_over() {
    let (_folder, ledger) = fresh();
    let rental = rental(1, HOTKEY);
    assert!(ledger.update(&rental).is_err(), "it was never opened");
    ledger.open(&rental).unwrap();
    let mut half = over(rental.clone(), 9);
    half.over_at = None;
    assert!(ledger.update(&half).is_err(), "over, and no one knows when");
    ledger.update(&over(rental.clone(), 9)).unwrap();
    assert!(ledger.update(&rental).is_err());
    assert!(ledger.live().unwrap().is_empty());
    assert_eq!(ledger.recent(Some(&HOTKEY), 5).unwrap().len(), 1);
}

#[test]
fn what_is_committed_counts_what_lived_in_the_window() {
    let (_folder, ledger) = fresh();
    for number in 0..4 {
        ledger.open(&rental(number, HOTKEY)).unwrap();
    }
    assert_eq!(ledger.committed_micro_usd(None, 0).unwrap(), 400);
    assert_eq!(
        ledger.committed_micro_usd(Some("adapter-1"), 0).unwrap(),
        200
    );
    let mut others = rental(5, Renter::Operator);
    others.spend_micro_usd_max = 7;
    ledger.open(&others).unwrap();
    let by = |renter| ledger.committed_by_renter_micro_usd(renter, 0).unwrap();
    assert_eq!((by(&HOTKEY), by(&Renter::Operator)), (400, 7));
    ledger.update(&over(others, 50)).unwrap();
    ledger.update(&over(rental(0, HOTKEY), 50)).unwrap();
    assert_eq!(
        ledger.committed_micro_usd(None, 0).unwrap(),
        300,
        "refused costs nothing"
    );
    let mut dear = rental(9, HOTKEY);
    dear.spend_micro_usd_max = u64::MAX;
    ledger.open(&dear).unwrap();
    let sum = ledger.committed_micro_usd(None, 0).unwrap();
    assert!(sum >= u64::try_from(i64::MAX).unwrap(), "{sum}");
}

const DAY: u64 = 24 * 3_600;

/// A rental of each of `days`, over when it began; the numbers of those that are kept.
fn lived(ledger: &SqliteLedger, days: std::ops::Range<u64>) -> Vec<u64> {
    for day in days {
        let mut rental = rental(day, HOTKEY);
        rental.began_at = day * DAY;
        ledger.open(&rental).unwrap();
        ledger.update(&over(rental, day * DAY)).unwrap();
    }
    let kept = ledger.recent(None, 1_000).unwrap();
    let over = kept.iter().filter(|rental| rental.over_at.is_some());
    over.map(|rental| rental.began_at / DAY).collect()
}

#[test]
fn what_is_over_goes_by_age_and_number_and_what_lives_stays() {
    let folder = tempfile::tempdir().unwrap();
    let retention = LedgerRetention {
        over_max: 10,
        over_age_s_max: 20 * DAY,
    };
    let ledger = open(&folder, retention);
    let mut unknown = rental(900, HOTKEY);
    unknown.phase = Phase::Unknown { looks: 1, since: 0 };
    ledger.open(&unknown).unwrap();
    let kept = lived(&ledger, 0..40);
    assert_eq!((kept.len(), kept[0]), (10, 39), "{kept:?}");
    assert_eq!(lived(&ledger, 100..101), [100]);
    assert_eq!(ledger.live().unwrap(), [unknown]);
}

#[test]
fn what_counts_as_spent_is_kept_whatever_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let retention = LedgerRetention {
        over_max: 2,
        over_age_s_max: 0,
    };
    let ledger = open(&folder, retention);
    let now = 10 * DAY;
    for number in 0..40 {
        let mut rental = rental(number, HOTKEY);
        rental.began_at = now;
        ledger.open(&rental).unwrap();
        ledger.update(&over(rental, now + number)).unwrap();
    }
    assert_eq!(ledger.recent(None, 100).unwrap().len(), 40);
    let mut later = rental(50, HOTKEY);
    later.began_at = now + 3 * DAY;
    ledger.open(&later).unwrap();
    assert!(ledger.recent(None, 100).unwrap().len() < 40);
}

#[test]
fn it_belongs_to_one_miner_one_node_and_one_generation() {
    let (folder, ledger) = fresh();
    let state = folder.path().join("state");
    let again = |owner: &LedgerOwner| {
        SqliteLedger::open(&state, owner, LedgerRetention::default())
            .err()
            .unwrap()
    };
    assert!(matches!(again(&owner()), OpenError::Locked { .. }));
    drop(ledger);
    let other = LedgerOwner {
        netuid: 8,
        ..owner()
    };
    assert!(matches!(again(&other), OpenError::OtherOwner { .. }));
    let file = Connection::open(state.join(FILE_NAME)).unwrap();
    file.pragma_update(None, "user_version", 1_000).unwrap();
    drop(file);
    let newer = again(&owner());
    assert!(matches!(newer, OpenError::Newer { .. }), "{newer}");
    assert!(newer.to_string().contains("rentals.db"), "{newer}");
}
