//! What probes promise: money is never spent unseen, every rental is ended, and
//! nobody fails for what is not its fault.

use super::letting::{FakeProber, Manner, seen};
use super::*;
use crate::role::validator::probing::{ProbeOptions, Probing, Round};
use crate::subnet::probe::{ProbeBook as _, ProbeError, ProbeRecord, SSH_PROBE};
use crate::subnet::scoring::{Evidence, Finding};

struct Probes {
    world: World,
    prober: Arc<FakeProber>,
    leaving: watch::Sender<bool>,
}

fn unreachable() -> ProbeError {
    ProbeError::Unreachable("connection refused".to_owned())
}

fn probe_options() -> ProbeOptions {
    ProbeOptions {
        machines_per_epoch: 16,
        machines_at_once: 16,
        rental: Duration::from_secs(600),
        ready: Duration::from_millis(20),
        poll: Duration::from_millis(1),
        price_micro_usd_per_hour_max: 10_000_000,
        epoch_micro_usd_max: 100_000_000,
        day_micro_usd_max: 100_000_000,
        void_permille: 500,
    }
}

impl Probes {
    /// So many miners, each of which lets one machine in its manner.
    fn new(manners: &[Manner]) -> Self {
        let mut world = World::new(Uid::try_from(manners.len()).unwrap(), 1);
        for (uid, manner) in (1..).zip(manners) {
            world.dendrite.letting.lets(uid, *manner);
        }
        let prober = Arc::new(FakeProber::default());
        let prober_too = Arc::new(prober.clone());
        world.probing = Some(Probing::new(
            prober_too,
            world.store.clone(),
            probe_options(),
        ));
        Self {
            world,
            prober,
            leaving: watch::Sender::new(false),
        }
    }

    /// A survey, and an epoch's probes. Whether rentals are left.
    async fn run(&self) -> bool {
        let (means, metagraph) = (self.world.means(), Arc::new(self.world.chain.now()));
        let answering = Answering::default();
        survey::survey(&means, &self.world.options, &metagraph, &answering).await;
        self.round(answering).run(true).await
    }

    fn round(&self, answering: Answering) -> Round {
        Round {
            means: self.world.means(),
            probing: self.world.probing.clone().unwrap(),
            metagraph: Arc::new(self.world.chain.now()),
            answering,
            leaving: self.leaving.subscribe(),
        }
    }

    /// Those of probes, the newest first.
    fn findings(&self, uid: usize) -> Vec<Finding> {
        let hotkey = self.world.chain.now().neurons[uid].hotkey;
        let mut findings = self.world.store.findings(&hotkey, 64).unwrap();
        findings.retain(|finding| finding.challenge == SSH_PROBE);
        findings
    }

    fn asked(&self, uid: Uid) -> Vec<&'static str> {
        self.world.dendrite.letting.asked(uid)
    }

    fn evidence(&self) -> Evidence {
        let metagraph = self.world.chain.now();
        let store = &*self.world.store;
        evidence::evidence(store, Some(store), &metagraph, me(), "policy").unwrap()
    }
}

#[tokio::test]
async fn a_machine_that_lets_the_validator_in_is_what_the_policy_sees() {
    let probes = Probes::new(&[Manner::Lets]);
    probes.prober.sees(1, Ok(seen()));
    assert!(!probes.run().await);
    assert_eq!(probes.asked(1), ["order", "end"]);
    let evidence = probes.evidence();
    let finding = &evidence.miners[0].findings[0];
    assert_eq!(
        (finding.challenge.as_str(), finding.machine.as_str()),
        ("ssh-probe", "pod-1")
    );
    assert!(finding.passed && finding.grade_permille == 1_000);
    let names: Vec<_> = finding
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    let told = [
        "ssh-connect-ms",
        "ssh-login-ms",
        "rent-to-running-ms",
        "rent-to-login-ms",
    ];
    assert_eq!(names, told);
    let machines = &evidence.miners[0].machines;
    assert_eq!(machines[1].id, "pod-1");
    // Its own word for the one that nobody tried, what was found for the other.
    assert_eq!(
        (machines[0].rented_permille, machines[1].rented_permille),
        (300, 0)
    );
}

#[tokio::test]
async fn a_machine_that_is_let_is_known_to_be_and_nothing_is_held_against_it() {
    let probes = Probes::new(&[Manner::IsFull, Manner::Forbids]);
    assert!(!probes.run().await);
    assert!(probes.findings(1).is_empty() && probes.findings(2).is_empty());
    assert_eq!(probes.asked(1), ["order"]);
    let evidence = probes.evidence();
    assert_eq!(evidence.miners[0].machines[1].rented_permille, 1_000);
    assert_eq!(evidence.miners[1].machines[1].rented_permille, 300);
}

#[tokio::test]
async fn a_machine_that_was_let_and_kept_closed_has_failed_and_its_rental_is_ended() {
    let closed = [
        Manner::NeverRuns,
        Manner::Ends,
        Manner::Denies,
        Manner::HidesItsKey,
        Manner::Lets,
        Manner::Lets,
    ];
    let probes = Probes::new(&closed);
    probes.prober.sees(5, Err(ProbeError::LoginRefused));
    probes
        .prober
        .sees(6, Err(ProbeError::WrongHostKey("SHA256:x".to_owned())));
    assert!(!probes.run().await);
    for uid in 1..=6 {
        let findings = probes.findings(uid.into());
        assert!(findings.len() == 1 && !findings[0].passed, "uid {uid}");
        assert_eq!(probes.asked(uid).last(), Some(&"end"), "uid {uid}");
    }
}

#[tokio::test]
async fn an_unreached_machine_fails_only_where_another_was_reached() {
    let probes = Probes::new(&[Manner::Lets, Manner::Lets, Manner::Lets]);
    probes.prober.sees(1, Err(unreachable()));
    probes.prober.sees(2, Err(unreachable()));
    probes.prober.sees(3, Err(unreachable()));
    probes.run().await;
    assert!((1..=3).all(|uid| probes.findings(uid).is_empty()));
    probes.prober.sees(2, Ok(seen()));
    probes.prober.sees(3, Ok(seen()));
    probes.run().await;
    assert!(!probes.findings(1)[0].passed);
    assert!(probes.findings(2)[0].passed && probes.findings(3)[0].passed);
}

#[tokio::test]
async fn nobody_fails_for_this_nodes_own_fault() {
    let probes = Probes::new(&[Manner::Lets]);
    probes
        .prober
        .sees(1, Err(ProbeError::Own("no randomness".to_owned())));
    probes.run().await;
    assert!(probes.findings(1).is_empty());
    assert_eq!(probes.asked(1), ["order", "end"]);
}

#[tokio::test]
async fn a_rental_that_may_exist_stays_on_disk_until_its_end_is_known() {
    let probes = Probes::new(&[Manner::Loses, Manner::GoesAway]);
    assert!(probes.run().await);
    assert!(probes.findings(1).is_empty() && probes.findings(2).is_empty());
    assert_eq!(probes.world.store.held_probes().unwrap().len(), 2);
    // The miner that was away is back; the lost order may still arrive.
    probes.world.dendrite.letting.lets(2, Manner::Lets);
    let left = probes.round(Answering::default()).run(false).await;
    let held = probes.world.store.held_probes().unwrap();
    assert!(left && held.len() == 1);
    assert_eq!(held[0].hotkey, probes.world.chain.now().neurons[1].hotkey);
}

fn record(probes: &Probes, began_at: u64) -> ProbeRecord {
    ProbeRecord {
        key: format!("probe-{began_at}"),
        hotkey: probes.world.chain.now().neurons[1].hotkey,
        machine: "pod-1".to_owned(),
        block: 90,
        epoch: 1,
        began_at,
        ends_at: began_at + 600,
        price_micro_usd_per_hour: 3_600_000,
        cost_micro_usd_max: 600_000,
    }
}

#[tokio::test]
async fn what_a_restart_left_is_ended_and_what_nobody_answers_for_ends_by_itself() {
    let probes = Probes::new(&[Manner::Loses]);
    let store = &probes.world.store;
    store.intend_probe(&record(&probes, 1)).unwrap();
    // Ordered long ago: that it is unknown is the end of it.
    assert!(!probes.round(Answering::default()).run(false).await);
    assert_eq!(probes.asked(1), ["end"]);
    probes.world.dendrite.letting.lets(1, Manner::GoesAway);
    store.intend_probe(&record(&probes, 2)).unwrap();
    assert!(!probes.round(Answering::default()).run(false).await);
    let spent = store.probe_spending(1, 0).unwrap();
    assert_eq!(
        (spent.drawn_in_epoch, spent.epoch_micro_usd),
        (2, 1_200_000)
    );
}

#[tokio::test]
async fn a_node_that_is_about_to_end_ends_its_rentals_first() {
    // The fake looks for ever at what nobody told it about.
    let probes = Probes::new(&[Manner::Lets]);
    let (run, leave) = (probes.run(), async {
        while probes.asked(1).is_empty() {
            tokio::task::yield_now().await;
        }
        probes.leaving.send_replace(true);
    });
    let (left, ()) = tokio::join!(run, leave);
    assert!(!left);
    assert_eq!(probes.asked(1), ["order", "end"]);
    assert!(probes.findings(1).is_empty());
}

#[tokio::test]
async fn an_epoch_has_so_many_probes_however_often_the_node_restarts() {
    let mut probes = Probes::new(&[Manner::Lets, Manner::Lets]);
    let options = ProbeOptions {
        machines_per_epoch: 1,
        ..probe_options()
    };
    let prober = Arc::new(probes.prober.clone());
    probes.world.probing = Some(Probing::new(prober, probes.world.store.clone(), options));
    probes.prober.sees(1, Ok(seen()));
    probes.prober.sees(2, Ok(seen()));
    probes.run().await;
    probes.run().await;
    assert_eq!(probes.findings(1).len() + probes.findings(2).len(), 1);
    probes.world.chain.with(|state| state.metagraph.epoch += 1);
    probes.world.chain.head(200);
    probes.run().await;
    // Whoever was not drawn before.
    assert_eq!((probes.findings(1).len(), probes.findings(2).len()), (1, 1));
}

#[tokio::test]
async fn a_running_validator_probes_each_epoch_once() {
    let probes = Probes::new(&[Manner::Lets]);
    probes.prober.sees(1, Ok(seen()));
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(probes.world.validator().run(stopped));
    let mut head = 100;
    while probes.findings(1).is_empty() {
        head += 1;
        probes.world.chain.head(head);
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    running.await.unwrap().unwrap();
    assert_eq!(probes.findings(1).len(), 1);
    assert!(probes.world.store.held_probes().unwrap().is_empty());
}
