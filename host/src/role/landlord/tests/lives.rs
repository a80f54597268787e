//! What renters and operators meet.

use std::path::Path;
use std::sync::Arc;

use super::super::Lettings;
use super::world::*;
use crate::subnet::letting::{Rules, Unknown};
use crate::subnet::provider::{Instance, InstanceState, ProviderError};
use crate::subnet::rental::{Landlord, Ledger as _, RentError, Rental, Renter};

/// A story in a fresh world.
pub(super) fn told<F: Future<Output = ()>>(
    rules: &Rules,
    story: impl FnOnce(Lettings, Arc<World>) -> F,
) -> (Arc<World>, tempfile::TempDir) {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    assert!(life(&world, folder.path(), rules, story));
    (world, folder)
}

pub(super) fn only(folder: &Path) -> Rental {
    let all = ledger(folder).recent(None, 10).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn a_machine_is_rented_logged_in_to_and_ended_when_its_time_is_over() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        let lease = lettings.rent(&RENTER, request("a")).await.unwrap();
        assert_eq!((lease.state.as_str(), lease.ssh), ("running", None));
        assert_eq!(lease.price_micro_usd_per_hour, PRICE * 12 / 10);
        pass_time(&lettings, &world, 30, 1).await;
        let lease = lettings.inspect(&RENTER, "a").await.unwrap();
        assert!(lease.ssh.is_some(), "{lease:?}");
        let machines = lettings.machines().await;
        let named = machines.iter().find(|it| it.id == MACHINE).unwrap();
        assert!(named.rented_permille > 0 && machines[0].id.is_empty());
        pass_time(&lettings, &world, 3_700, 20).await;
        let lease = lettings.inspect(&RENTER, "a").await.unwrap();
        assert_eq!(lease.state, "ended");
        assert_eq!(lease.reason.as_deref(), Some("its time is over"));
    });
    assert!(world.alive().is_empty());
    assert!(only(folder.path()).cost_micro_usd() >= PRICE);
}

#[test]
fn one_key_is_one_rental_and_another_s_key_is_another() {
    let (world, _folder) = told(&rules(), |lettings, _| async move {
        let first = lettings.rent(&RENTER, request("a")).await.unwrap();
        assert_eq!(lettings.rent(&RENTER, request("a")).await, Ok(first));
        let mut other = request("a");
        other.duration_s += 1;
        let refused = lettings.rent(&RENTER, other).await;
        assert!(
            matches!(refused, Err(RentError::Malformed(_))),
            "{refused:?}"
        );
        lettings
            .rent(&Renter::Operator, request("a"))
            .await
            .unwrap();
        let stranger = Renter::Hotkey(crate::subnet::key::AccountId([9; 32]));
        let stranger = lettings.end(&stranger, "a");
        assert_eq!(stranger.await, Err(RentError::NoSuchRental));
        let everybody = lettings.leases(&Renter::Operator).await.unwrap();
        assert_eq!(
            (
                everybody.len(),
                lettings.leases(&RENTER).await.unwrap().len()
            ),
            (2, 1)
        );
        let ended = lettings
            .end(&Renter::Operator, &everybody[1].key)
            .await
            .unwrap();
        assert_eq!(
            ended.reason.as_deref(),
            Some("ended by the miner's operator")
        );
    });
    assert_eq!(world.state().bought.len(), 2);
}

#[test]
fn an_order_waits_for_the_first_offers_if_they_are_on_their_way() {
    let patient = Rules {
        call_timeout_s: 60,
        ..rules()
    };
    told(&patient, |lettings, world| async move {
        world.state().thoughts = 50;
        let first = lettings.clone();
        let looking = tokio::spawn(async move { first.listings().await });
        while world.state().asks == 0 {
            tokio::task::yield_now().await;
        }
        lettings.rent(&RENTER, request("a")).await.unwrap();
        assert_eq!(looking.await.unwrap().len(), 1);
    });
}

#[test]
fn what_is_let_is_full_and_what_is_the_own_machine_has_its_name_too() {
    let own = Rules {
        own_adapter: "cloud".to_owned(),
        ..rules()
    };
    let stale_s = own.offers_stale_s + 1;
    told(&own, |lettings, world| async move {
        lettings.rent(&RENTER, request("a")).await.unwrap();
        world.state().offers = false;
        world.state().now += stale_s;
        let mut unnamed = request("b");
        unnamed.machine.clear();
        for wanted in [request("b"), unnamed.clone()] {
            let refused = lettings.rent(&RENTER, wanted).await;
            assert!(matches!(refused, Err(RentError::Full(_))), "{refused:?}");
        }
        lettings.end(&RENTER, "a").await.unwrap();
        for wanted in [request("b"), unnamed] {
            let refused = lettings.rent(&RENTER, wanted).await;
            let none = matches!(refused, Err(RentError::NoSuchMachine(_)));
            assert!(none, "{refused:?}");
        }
    });
}

#[test]
fn nothing_is_bought_beyond_the_caps() {
    type Change = fn(&mut Rules);
    let caps: [(&str, Change); 6] = [
        ("day", |rules| rules.spend_per_day_max = PRICE - 1),
        ("adapter", |rules| {
            rules.spend_per_adapter_day_max = Some(PRICE - 1)
        }),
        ("rental", |rules| {
            rules.spend_per_rental_max = Some(PRICE - 1)
        }),
        ("renter", |rules| rules.rentals_per_renter_max = 0),
        ("all", |rules| rules.rentals_max = 0),
        ("time", |rules| rules.duration_s_max = 3_599),
    ];
    for (name, change) in caps {
        let mut rules = rules();
        change(&mut rules);
        let (world, folder) = told(&rules, |lettings, _| async move {
            let refused = lettings.rent(&RENTER, request("a")).await;
            let fair = matches!(refused, Err(RentError::Forbidden(_) | RentError::Full(_)));
            assert!(fair, "{name}: {refused:?}");
        });
        assert!(world.state().bought.is_empty(), "{name}");
        assert!(ledger(folder.path()).live().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn by_default_nothing_that_costs_money_is_let() {
    told(&Rules::default(), |lettings, _| async move {
        assert!(lettings.listings().await.is_empty());
        let refused = lettings.rent(&RENTER, request("a")).await;
        assert!(
            matches!(refused, Err(RentError::NoSuchMachine(_))),
            "{refused:?}"
        );
    });
}

#[test]
fn what_the_provider_refuses_is_told_again_in_the_same_words() {
    let account = || ProviderError::Account("card 4111 declined".to_owned());
    type Told = fn(&RentError) -> bool;
    let cases: [(ProviderError, Told); 5] = [
        (
            ProviderError::NoCapacity,
            |e| matches!(e, RentError::NoSuchMachine(why) if why.contains("none left")),
        ),
        (ProviderError::PriceRose(9 * PRICE), |e| {
            *e == RentError::PriceRose(9 * PRICE * 12 / 10)
        }),
        (ProviderError::NotFound, |e| {
            matches!(e, RentError::NoSuchMachine(_))
        }),
        (
            account(),
            |e| matches!(e, RentError::Upstream(why) if !why.contains("4111")),
        ),
        (ProviderError::Unsupported("x".into()), |e| {
            matches!(e, RentError::Upstream(_))
        }),
    ];
    for (error, is_told) in cases {
        let (world, folder) = told(&rules(), |lettings, world| async move {
            world.state().fates.push_back(Fate::Before(error.clone()));
            let first = lettings.rent(&RENTER, request("a")).await.unwrap_err();
            assert!(is_told(&first), "{error}: {first:?}");
            assert_eq!(lettings.rent(&RENTER, request("a")).await, Err(first));
        });
        assert!(world.state().bought.is_empty());
        assert_eq!(only(folder.path()).cost_micro_usd(), 0);
    }
}

#[test]
fn what_is_unknown_is_looked_for_twice_before_it_is_ordered_again() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        let upstream = ProviderError::Upstream("502".to_owned());
        world.state().fates.push_back(Fate::Before(upstream));
        let lease = lettings.rent(&RENTER, request("a")).await.unwrap();
        assert_eq!(lease.state, "unknown");
        assert_eq!(world.state().calls, ["provision", "instances"]);
        pass_time(&lettings, &world, 59, 1).await;
        let ordered = |world: &World| {
            world
                .state()
                .calls
                .iter()
                .filter(|it| **it == "provision")
                .count()
        };
        assert_eq!(ordered(&world), 1, "the settle time is waited for");
        pass_time(&lettings, &world, 5, 1).await;
        assert_eq!(ordered(&world), 2);
    });
    assert_agreement(&world, folder.path(), "tried again");
    assert_eq!(world.alive().len(), 1);
}

#[test]
fn a_provider_that_is_busy_is_left_alone_for_as_long_as_it_asks() {
    told(&rules(), |lettings, world| async move {
        world
            .state()
            .fates
            .push_back(Fate::Before(ProviderError::Busy(30_000)));
        let lease = lettings.rent(&RENTER, request("a")).await.unwrap();
        assert_eq!(lease.state, "intended");
        pass_time(&lettings, &world, 29, 1).await;
        assert!(world.alive().is_empty());
        pass_time(&lettings, &world, 3, 1).await;
        assert_eq!(world.alive().len(), 1);
    });
}

#[test]
fn a_machine_that_never_starts_dies_or_grows_dear_is_ended() {
    let never = |world: &World| world.state().things[0].starts_at = u64::MAX;
    let dies = |world: &World| world.state().things[0].instance.state = InstanceState::Failed;
    let dear = |world: &World| {
        world.state().things[0].instance.price_micro_usd_per_hour = 3 * PRICE;
    };
    type Change = Box<dyn Fn(&World)>;
    let cases: [(Change, &str); 3] = [
        (Box::new(never), "logged in"),
        (Box::new(dies), "lost"),
        (Box::new(dear), "charges more"),
    ];
    for (change, why) in cases {
        let (world, folder) = told(&rules(), |lettings, world| async move {
            lettings.rent(&RENTER, request("a")).await.unwrap();
            change(&world);
            pass_time(&lettings, &world, 1_500, 10).await;
        });
        assert!(world.alive().is_empty());
        let reason = only(folder.path()).lease().reason.unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}

#[test]
fn a_machine_that_changes_its_address_is_told_where_it_is_now() {
    told(&rules(), |lettings, world| async move {
        lettings.rent(&RENTER, request("a")).await.unwrap();
        pass_time(&lettings, &world, 30, 1).await;
        let ssh = |world: &World| world.state().things[0].instance.ssh.clone().unwrap();
        let mut moved = ssh(&world);
        moved.host = "203.0.113.8".to_owned();
        world.state().things[0].instance.ssh = Some(moved.clone());
        world.state().now += 10;
        let lease = lettings.inspect(&RENTER, "a").await.unwrap();
        assert_eq!(lease.ssh, Some(moved));
    });
}

#[test]
fn ending_is_tried_for_as_long_as_it_takes() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        lettings.rent(&RENTER, request("a")).await.unwrap();
        pass_time(&lettings, &world, 30, 1).await;
        let upstream = || Fate::Before(ProviderError::Upstream("503".to_owned()));
        world.state().fates.extend((0..40).map(|_| upstream()));
        let lease = lettings.end(&RENTER, "a").await.unwrap();
        assert_eq!(lease.state, "ending");
        pass_time(&lettings, &world, 12_000, 20).await;
    });
    assert!(world.alive().is_empty());
    assert_eq!(only(folder.path()).phase.as_str(), "ended");
}

#[test]
fn an_end_moves_only_where_the_provider_moves_it() {
    told(&rules(), |lettings, world| async move {
        let lease = lettings.rent(&RENTER, request("a")).await.unwrap();
        pass_time(&lettings, &world, 20, 1).await;
        let later = lettings.extend(&RENTER, "a", 600).await.unwrap();
        assert_eq!(later.ends_at, lease.ends_at + 600);
        assert_eq!(world.alive()[0].ends_at, Some(later.ends_at));
        world.state().extends = false;
        let refused = lettings.extend(&RENTER, "a", 600).await;
        assert!(
            matches!(refused, Err(RentError::Forbidden(_))),
            "{refused:?}"
        );
        assert_eq!(
            lettings.inspect(&RENTER, "a").await.unwrap().ends_at,
            later.ends_at
        );
    });
}

#[test]
fn what_the_ledger_does_not_know_is_treated_by_rule() {
    for (rule, alive, live) in [
        (Unknown::End, 0, 0),
        (Unknown::Report, 1, 0),
        (Unknown::Adopt, 1, 1),
    ] {
        let rules = Rules {
            unknown_own: rule,
            ..rules()
        };
        let (world, folder) = told(&rules, |lettings, world| async move {
            lettings.rent(&RENTER, request("a")).await.unwrap();
            pass_time(&lettings, &world, 20, 1).await;
        });
        // The ledger is lost.
        let empty = tempfile::tempdir().unwrap();
        drop(folder);
        life(&world, empty.path(), &rules, |lettings, world| async move {
            pass_time(&lettings, &world, 400, 10).await;
        });
        assert_eq!(world.alive().len(), alive, "{rule:?}");
        assert_eq!(ledger(empty.path()).live().unwrap().len(), live, "{rule:?}");
    }
}

#[test]
fn another_node_s_and_other_people_s_instances_are_left_alone() {
    let foreign = |key: Option<&str>| Thing {
        instance: Instance {
            id: format!("foreign-{key:?}"),
            order_key: key.map(str::to_owned),
            state: InstanceState::Running,
            hardware: crate::subnet::hardware::Hardware::default(),
            price_micro_usd_per_hour: 5,
            ssh: None,
            ends_at: None,
            labels: Vec::new(),
        },
        seen_from: 0,
        starts_at: 0,
    };
    let (world, _folder) = told(&rules(), |lettings, world| async move {
        world.state().things.push(foreign(None));
        world.state().things.push(foreign(Some("h0123456789ab-00")));
        pass_time(&lettings, &world, 1_000, 10).await;
    });
    assert_eq!(world.alive().len(), 2);
}

#[test]
fn a_rental_whose_adapter_is_gone_is_kept_until_it_is_back() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        lettings.rent(&RENTER, request("a")).await.unwrap();
        pass_time(&lettings, &world, 20, 1).await;
        world.state().adapters.clear();
        pass_time(&lettings, &world, 5_000, 30).await;
        assert_eq!(
            lettings.inspect(&RENTER, "a").await.unwrap().state,
            "ending"
        );
        world.state().adapters.push("cloud");
        pass_time(&lettings, &world, 200, 10).await;
    });
    assert!(world.alive().is_empty());
    assert_eq!(only(folder.path()).phase.as_str(), "ended");
}

#[test]
fn an_ending_node_lets_nothing_and_waits_for_what_runs() {
    told(&rules(), |lettings, world| async move {
        lettings.rent(&RENTER, request("a")).await.unwrap();
        let drain = std::time::Duration::from_secs(5);
        lettings.clone().run(async {}, drain).await;
        let refused = lettings.rent(&RENTER, request("b")).await;
        assert!(matches!(refused, Err(RentError::Failed(_))), "{refused:?}");
        assert_eq!(world.alive().len(), 1);
        // What costs money may still be ended.
        lettings.end(&RENTER, "a").await.unwrap();
        assert!(world.alive().is_empty());
    });
}
