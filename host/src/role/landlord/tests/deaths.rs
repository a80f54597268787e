//! A node that dies at every point between an intent, its call and its result.

use std::future::Future;
use std::sync::Arc;

use super::super::Lettings;
use super::world::*;
use crate::subnet::provider::ProviderError;
use crate::subnet::rental::{Landlord as _, Ledger as _};
/// What the provider is like while the node dies.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Plain,
    /// What was bought is listed after a while.
    Late,
    /// Calls fail before and after their effect.
    Failing,
}

impl Manner {
    fn prepare(self, world: &World) {
        let mut state = world.state();
        let upstream = || ProviderError::Upstream("502".to_owned());
        match self {
            Self::Plain => {}
            Self::Late => state.late_s = 40,
            Self::Failing => state.fates.extend([
                Fate::After(upstream()),
                Fate::Before(upstream()),
                Fate::Silent,
                Fate::After(upstream()),
            ]),
        }
    }
}

/// Dies at each point of `story` in turn, comes back, and must find its way.
fn dies_everywhere<F: Future<Output = ()>>(
    name: &str,
    before: bool,
    story: impl Fn(Lettings, Arc<World>) -> F,
) {
    for manner in [Manner::Plain, Manner::Late, Manner::Failing] {
        let mut point = 0;
        loop {
            point += 1;
            let folder = tempfile::tempdir().unwrap();
            let world = World::new();
            if before {
                life(&world, folder.path(), &rules(), rents);
            }
            manner.prepare(&world);
            world.doom(Some(point));
            let lived = life(&world, folder.path(), &rules(), &story);
            world.doom(None);
            let told = format!("{name}, {manner:?}, point {point}");
            life(
                &world,
                folder.path(),
                &rules(),
                |lettings, world| async move {
                    pass_time(&lettings, &world, 900, 5).await;
                },
            );
            assert_agreement(&world, folder.path(), &told);
            life(
                &world,
                folder.path(),
                &rules(),
                |lettings, world| async move {
                    pass_time(&lettings, &world, 12_000, 60).await;
                },
            );
            assert!(world.alive().is_empty(), "{told}: something is paid for");
            assert!(ledger(folder.path()).live().unwrap().is_empty(), "{told}");
            if lived {
                break;
            }
        }
        assert!(point > 3, "{name}: the story has points");
    }
}

async fn rents(lettings: Lettings, world: Arc<World>) {
    let _ = lettings.rent(&RENTER, request("mine")).await;
    pass_time(&lettings, &world, 200, 5).await;
}

#[test]
fn an_order_survives_a_death_at_every_point() {
    dies_everywhere("order", false, rents);
}

#[test]
fn an_extension_survives_a_death_at_every_point() {
    dies_everywhere("extend", true, |lettings, world| async move {
        let _ = lettings.extend(&RENTER, "mine", 1_800).await;
        pass_time(&lettings, &world, 30, 5).await;
    });
}

#[test]
fn an_end_survives_a_death_at_every_point() {
    dies_everywhere("end", true, |lettings, world| async move {
        let _ = lettings.end(&RENTER, "mine").await;
        pass_time(&lettings, &world, 200, 5).await;
    });
}

#[test]
fn a_comparison_survives_a_death_at_every_point() {
    dies_everywhere("compare", true, |lettings, world| async move {
        // The ledger was lost with what it knew of this one.
        let mut stray = world.state().things[0].clone();
        stray.instance.id = "stray".to_owned();
        stray.seen_from = 0;
        let key = stray.instance.order_key.as_mut().unwrap();
        key.push('x');
        world.state().things.push(stray);
        pass_time(&lettings, &world, 400, 5).await;
    });
}
