//! Whatever happens in whatever order, the ledger and the world agree afterwards.

use proptest::prelude::*;

use super::world::*;
use crate::subnet::provider::ProviderError;
use crate::subnet::rental::{Landlord as _, Ledger as _};

#[derive(Debug, Clone)]
enum Deed {
    Rent(u8),
    End(u8),
    Extend(u8),
    Inspect(u8),
    Pass(u64),
    Fates(Vec<u8>),
    Dies(usize),
    Kill,
    Price(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..3_u8).prop_map(Deed::Rent),
        1 => (0..3_u8).prop_map(Deed::End),
        1 => (0..3_u8).prop_map(Deed::Extend),
        1 => (0..3_u8).prop_map(Deed::Inspect),
        3 => (1..600_u64).prop_map(Deed::Pass),
        2 => prop::collection::vec(0..6_u8, 1..4).prop_map(Deed::Fates),
        2 => (1..12_usize).prop_map(Deed::Dies),
        1 => Just(Deed::Kill),
        1 => (1..3_u64).prop_map(Deed::Price),
    ]
}

fn fate(number: u8) -> Fate {
    let upstream = || ProviderError::Upstream("503".to_owned());
    match number {
        0 => Fate::Before(upstream()),
        1 => Fate::After(upstream()),
        2 => Fate::Silent,
        3 => Fate::Before(ProviderError::Busy(7_000)),
        4 => Fate::Before(ProviderError::NoCapacity),
        _ => Fate::Before(ProviderError::Account("no funds".to_owned())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nothing_runs_that_nobody_pays_for_and_nothing_is_bought_twice(
        deeds in prop::collection::vec(deed(), 1..14),
        late_s in 0..50_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new();
        world.state().late_s = late_s;
        let mut left = deeds.into_iter().peekable();
        while left.peek().is_some() {
            // A death ends a life in the midst of its deeds.
            life(&world, folder.path(), &rules(), async |lettings, world| {
                for deed in left.by_ref() {
                    let key = |number: u8| format!("key-{number}");
                    match deed {
                        Deed::Rent(n) => drop(lettings.rent(&RENTER, request(&key(n))).await),
                        Deed::End(n) => drop(lettings.end(&RENTER, &key(n)).await),
                        Deed::Extend(n) => drop(lettings.extend(&RENTER, &key(n), 600).await),
                        Deed::Inspect(n) => drop(lettings.inspect(&RENTER, &key(n)).await),
                        Deed::Pass(seconds) => pass_time(&lettings, &world, seconds, 10).await,
                        Deed::Fates(fates) => {
                            let fates = fates.into_iter().map(fate);
                            world.state().fates.extend(fates);
                        }
                        Deed::Dies(at) => world.doom(Some(at)),
                        Deed::Kill => {
                            if let Some(thing) = world.state().things.last_mut() {
                                let state = crate::subnet::provider::InstanceState::Terminated;
                                thing.instance.state = state;
                            }
                        }
                        Deed::Price(factor) => world.state().price = PRICE * factor,
                    }
                }
            });
            world.doom(None);
        }
        world.state().fates.clear();
        life(&world, folder.path(), &rules(), async |lettings, world| {
            pass_time(&lettings, &world, 1_200, 10).await;
        });
        assert_agreement(&world, folder.path(), "after the storm");
        life(&world, folder.path(), &rules(), async |lettings, world| {
            pass_time(&lettings, &world, 40_000, 120).await;
        });
        prop_assert!(world.alive().is_empty(), "something is paid for");
        prop_assert!(ledger(folder.path()).live().unwrap().is_empty());
    }
}
