//! What a renter has done to what runs, and what becomes of it.

use async_trait::async_trait;

use super::lives::{only, told};
use super::world::*;
use crate::subnet::hardware::Label;
use crate::subnet::key::AccountId;
use crate::subnet::provider::{Instance, InstanceState, ProviderError};
use crate::subnet::rental::{Act, Landlord as _, Lease, RentError, Rental, Renter};
use crate::subnet::workload::{Caretaker, PAUSED, WorkloadError};

/// A world whose things are containers of the node's own machine.
#[async_trait]
impl Caretaker for World {
    async fn act(&self, owner: &str, name: &str, act: &Act) -> Result<(), WorkloadError> {
        let mut state = self.state();
        state.calls.push(act.as_str());
        match state.fates.pop_front() {
            Some(Fate::Before(ProviderError::NotFound)) => {
                return Err(WorkloadError::NoSuchWorkload);
            }
            Some(Fate::Before(ProviderError::Unsupported(why))) => {
                return Err(WorkloadError::Malformed(why));
            }
            Some(_) => return Err(WorkloadError::Failed("/var/run/docker.sock".to_owned())),
            None => assert_eq!(owner, "cloud"),
        }
        let starts_at = state.now + state.boot_s;
        let thing = state.things.iter_mut().find(|it| it.instance.id == name);
        let thing = thing.ok_or(WorkloadError::NoSuchWorkload)?;
        thing.instance.labels = match act {
            Act::Pause => vec![Label {
                name: PAUSED.to_owned(),
                value: "true".to_owned(),
            }],
            _ => Vec::new(),
        };
        if *act == Act::Restart {
            thing.starts_at = starts_at;
            thing.instance.state = InstanceState::Starting;
            thing.instance.ssh = None;
        }
        Ok(())
    }
}

const NEW_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";

fn exchange(line: &str) -> Act {
    Act::ExchangeKey {
        ssh_public_key: line.to_owned(),
    }
}

fn label<'a>(rental: &'a Rental, name: &str) -> Option<&'a str> {
    let found = rental.labels.iter().find(|label| label.name == name);
    found.map(|label| label.value.as_str())
}

async fn rented(lettings: &super::super::Lettings, world: &World) -> Lease {
    lettings.rent(&RENTER, request("a")).await.unwrap();
    pass_time(lettings, world, 20, 1).await;
    let lease = lettings.inspect(&RENTER, "a").await.unwrap();
    assert!(lease.ssh.is_some(), "{lease:?}");
    lease
}

#[test]
fn what_stands_still_says_so_keeps_its_address_and_ends_in_time() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        let before = rented(&lettings, &world).await;
        for _ in 0..2 {
            lettings.act(&RENTER, "a", Act::Pause).await.unwrap();
            let lease = lettings.leases(&RENTER).await.unwrap().remove(0);
            assert_eq!((lease.state.as_str(), &lease.ssh), ("paused", &before.ssh));
        }
        lettings.act(&RENTER, "a", Act::Resume).await.unwrap();
        let lease = lettings.leases(&RENTER).await.unwrap().remove(0);
        assert_eq!(lease, before);
        lettings.act(&RENTER, "a", Act::Pause).await.unwrap();
        // Longer than a start may take.
        pass_time(&lettings, &world, 2_000, 20).await;
        let lease = lettings.inspect(&RENTER, "a").await.unwrap();
        assert_eq!(lease.state, "paused");
        pass_time(&lettings, &world, 1_700, 20).await;
    });
    assert!(world.alive().is_empty());
    let over = only(folder.path());
    assert_eq!(over.lease().reason.as_deref(), Some("its time is over"));
    assert_eq!(over.lease().state, "ended");
}

#[test]
fn a_restart_is_waited_for_as_long_as_a_start_and_no_longer() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        rented(&lettings, &world).await;
        pass_time(&lettings, &world, 1_200, 20).await;
        lettings.act(&RENTER, "a", Act::Restart).await.unwrap();
        let lease = lettings.leases(&RENTER).await.unwrap().remove(0);
        assert_eq!((lease.state.as_str(), lease.ssh), ("running", None));
        // However long ago it began, nobody takes it for one that never starts.
        pass_time(&lettings, &world, 60, 5).await;
        let lease = lettings.inspect(&RENTER, "a").await.unwrap();
        assert!(lease.ssh.is_some(), "{lease:?}");
        world.state().boot_s = u64::MAX / 2;
        lettings.act(&RENTER, "a", Act::Restart).await.unwrap();
        pass_time(&lettings, &world, 880, 20).await;
        assert_eq!(world.alive().len(), 1);
        pass_time(&lettings, &world, 60, 20).await;
    });
    assert!(world.alive().is_empty());
    let reason = only(folder.path()).lease().reason.unwrap();
    assert!(reason.contains("logged in"), "{reason}");
}

#[test]
fn only_its_renter_acts_and_only_on_what_can_be_logged_in_to() {
    let (world, _folder) = told(&rules(), |lettings, world| async move {
        let refused = |done: Result<(), RentError>| {
            assert!(matches!(done, Err(RentError::Forbidden(_))), "{done:?}");
        };
        lettings.rent(&RENTER, request("a")).await.unwrap();
        refused(lettings.act(&RENTER, "a", Act::Pause).await);
        pass_time(&lettings, &world, 20, 1).await;
        let all = lettings.leases(&Renter::Operator).await.unwrap();
        let stranger = Renter::Hotkey(AccountId([9; 32]));
        for (who, key) in [(stranger, "a"), (Renter::Operator, &*all[0].key)] {
            let done = lettings.act(&who, key, Act::Pause).await;
            assert_eq!(done, Err(RentError::NoSuchRental));
        }
        let none = lettings.act(&RENTER, "b", Act::Pause).await;
        assert_eq!(none, Err(RentError::NoSuchRental));
        lettings.end(&RENTER, "a").await.unwrap();
        refused(lettings.act(&RENTER, "a", Act::Restart).await);
    });
    let state = world.state();
    assert!(!state.calls.contains(&"pause") && !state.calls.contains(&"restart"));
}

#[test]
fn what_cannot_be_done_is_told_and_changes_nothing() {
    let (_world, folder) = told(&rules(), |lettings, world| async move {
        let before = rented(&lettings, &world).await;
        let fails = async |error: ProviderError| {
            world.state().fates.push_back(Fate::Before(error));
            lettings.act(&RENTER, "a", Act::Pause).await.unwrap_err()
        };
        let cloud = fails(ProviderError::NotFound).await.to_string();
        assert!(cloud.contains("cloud") && cloud.contains("cannot do `pause`"));
        let own = fails(ProviderError::Unsupported("its disk".to_owned())).await;
        assert_eq!(own, RentError::Forbidden("its disk".to_owned()));
        // The engine's own words are the operator's.
        let failed = fails(ProviderError::NoCapacity).await;
        assert!(matches!(&failed, RentError::Upstream(why) if !why.contains("docker")));
        assert_eq!(lettings.inspect(&RENTER, "a").await, Ok(before));
    });
    assert_eq!(label(&only(folder.path()), "act-result"), Some("failed"));
}

#[test]
fn an_exchanged_key_is_on_record_and_the_request_stays_what_it_was() {
    let (world, folder) = told(&rules(), |lettings, world| async move {
        let before = rented(&lettings, &world).await;
        let commented = format!("{NEW_KEY} someone else");
        lettings
            .act(&RENTER, "a", exchange(&commented))
            .await
            .unwrap();
        for bad in ["no key", &format!("{NEW_KEY}\n{NEW_KEY}")] {
            let done = lettings.act(&RENTER, "a", exchange(bad)).await;
            assert!(matches!(done, Err(RentError::Malformed(_))), "{done:?}");
        }
        assert_eq!(lettings.rent(&RENTER, request("a")).await, Ok(before));
    });
    let acts = |it: &&&str| **it == "exchange-key";
    assert_eq!(world.state().calls.iter().filter(acts).count(), 1);
    let rental = only(folder.path());
    assert_eq!(label(&rental, "ssh-public-key"), Some(NEW_KEY));
    assert_eq!(label(&rental, "act-result"), Some("done"));
}

#[test]
fn a_node_that_dies_in_the_midst_left_word_of_it_and_looks_again() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let lived = life(
        &world,
        folder.path(),
        &rules(),
        |lettings, world| async move {
            rented(&lettings, &world).await;
            // Done, and then it cannot say so.
            world.doom(Some(3));
            let _ = lettings.act(&RENTER, "a", Act::Pause).await;
        },
    );
    assert!(!lived);
    let rental = only(folder.path());
    assert_eq!(
        (label(&rental, "act"), label(&rental, "act-result")),
        (Some("pause"), None)
    );
    world.doom(None);
    life(
        &world,
        folder.path(),
        &rules(),
        |lettings, world| async move {
            pass_time(&lettings, &world, 10, 1).await;
            let lease = lettings.inspect(&RENTER, "a").await.unwrap();
            assert_eq!(lease.state, "paused");
        },
    );
    let instances: Vec<Instance> = world.alive();
    assert_eq!(instances.len(), 1);
}

#[test]
fn what_was_listed_before_it_was_last_seen_is_no_news() {
    told(&rules(), |lettings, world| async move {
        let before = rented(&lettings, &world).await;
        let order_key = lettings.rentals().await.unwrap()[0].order_key.clone();
        let stale = Instance {
            state: InstanceState::Starting,
            ssh: None,
            ..world.alive()[0].clone()
        };
        world.state().now += 10;
        let seen = lettings.inspect(&RENTER, "a").await.unwrap();
        let asked_at = world.state().now;
        lettings.0.recognise(&order_key, &stale, asked_at).await;
        let lease = lettings.leases(&RENTER).await.unwrap().remove(0);
        assert_eq!((&lease, &seen), (&before, &before));
        lettings.0.recognise(&order_key, &stale, asked_at + 1).await;
        let lease = lettings.leases(&RENTER).await.unwrap().remove(0);
        assert_eq!(lease.ssh, None);
    });
}
