//! A whole validator, with a policy that never changes its mind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use host::chain::Subtensor;
use host::devchain::DevChain;
use host::role::validator::{Means, Quiet, Spread, Validator, ValidatorOptions};
use host::store::{Retention, SqliteStore};
use host::subnet::chain::Chain as _;
use host::subnet::challenge::Answer;
use host::subnet::events::{Event, Observer, WeightsKind};
use host::subnet::evidence::StoreOwner;
use host::subnet::key::Signer as _;
use host::subnet::plugin::{Called, Digest, PluginError, PluginId, Plugins, ScoringPolicy};
use host::subnet::scoring::{Evidence, Outcome, Score};
use host::subnet::wire::{Dendrite, Described, Peer, PeerError, TaskRequest};
use host::wallet::Hotkey;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::support::{BLOCK_MS, MINER, NETUID, VALIDATOR, chain, client, committing, on_the_miner};

/// Ten minutes of mainnet's blocks.
const TEN_MINUTES_BLOCKS: u64 = 50;

/// All points to //Bob.
struct Policy(PluginId);

#[async_trait]
impl ScoringPolicy for Policy {
    fn id(&self) -> &PluginId {
        &self.0
    }

    async fn evaluate(&self, _: &Evidence) -> Result<Called<Outcome>, PluginError> {
        let score = Score {
            uid: MINER,
            points: 1,
            reason: "as ever".to_owned(),
        };
        Ok(Called {
            value: Outcome {
                scores: vec![score],
                memory: Vec::new(),
            },
            fuel: 1,
            memory_bytes: 1,
            elapsed: Duration::ZERO,
        })
    }
}

struct OnlyAPolicy;

impl Plugins for OnlyAPolicy {
    fn policy(&self) -> Option<Arc<dyn ScoringPolicy>> {
        Some(Arc::new(Policy(PluginId {
            name: "stubborn".to_owned(),
            version: "0.1.0".to_owned(),
            digest: Digest([1; 32]),
            settings: Digest([2; 32]),
        })))
    }
}

struct NobodyAnswers;

#[async_trait]
impl Dendrite for NobodyAnswers {
    async fn describe(&self, _: &Peer) -> Result<Described, PeerError> {
        Err(PeerError::TimedOut(1))
    }

    async fn challenge(&self, _: &Peer, _: TaskRequest<'_>) -> (Answer, Duration) {
        (Answer::TimedOut, Duration::ZERO)
    }

    async fn end_session(&self, _: &Peer, _: &str) -> Result<(), PeerError> {
        Ok(())
    }
}

/// What happened to weights, in order.
#[derive(Default)]
struct Heard {
    events: Mutex<Vec<(WeightsKind, u64)>>,
    count: watch::Sender<usize>,
}

impl Observer for Heard {
    fn observe(&self, event: Event) {
        if let Event::Weights { kind, block } = event {
            self.events.lock().unwrap().push((kind, block));
            self.count.send_modify(|count| *count += 1);
        }
    }
}

impl Heard {
    /// The first event of a kind from the `after`th on.
    async fn first(&self, kind: WeightsKind, after: usize) -> (usize, u64) {
        let mut count = self.count.subscribe();
        loop {
            count.borrow_and_update();
            let found = {
                let events = self.events.lock().unwrap();
                let mut later = events.iter().enumerate().skip(after);
                later
                    .find(|(_, (found, _))| *found == kind)
                    .map(|(at, (_, block))| (at, *block))
            };
            if let Some(found) = found {
                return found;
            }
            count.changed().await.unwrap();
        }
    }
}

/// //Alice's validator at work.
struct Running {
    heard: Arc<Heard>,
    chain: Arc<Subtensor>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Running {
    async fn start(chain: &DevChain) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard::default());
        let client = Arc::new(client(chain, "//Alice", heard.clone()).await);
        let me = Hotkey::development("//Alice").unwrap().account();
        let owner = StoreOwner {
            genesis: chain.genesis(),
            netuid: NETUID,
            hotkey: me,
        };
        let path = folder.path().join("state");
        let store = SqliteStore::open(&path, &owner, Retention::default()).unwrap();
        let means = Means {
            me,
            chain: client.clone(),
            dendrite: Arc::new(NobodyAnswers),
            plugins: Arc::new(OnlyAPolicy),
            store: Arc::new(store),
            observer: heard.clone(),
            quiet: Quiet::default(),
            guard: Arc::default(),
            probing: None,
        };
        let stop = watch::Sender::new(false);
        let validator = Validator::new(means, options());
        let stopped = stop.subscribe();
        let task = tokio::spawn(async move { validator.run(stopped).await.unwrap() });
        Self {
            heard,
            chain: client,
            stop,
            task,
            _folder: folder,
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

fn options() -> ValidatorOptions {
    ValidatorOptions {
        netuid: NETUID,
        register_limit_rao: None,
        sync_blocks: 1,
        survey_blocks: 10_000,
        challenge_blocks: 10_000,
        turn_blocks: 1,
        void_permille: 500,
        lead_blocks: 4,
        sessions_at_once: 1,
        verify_at_once: 1,
        surveys_at_once: 1,
        spread: Spread::Together,
    }
}

/// Issue 3, acceptance 3. The chain stops answering when the epoch's weights are
/// due, for as many blocks as mainnet makes in ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_whose_node_hangs_for_ten_minutes_sets_its_weights_after_that_once() {
    let chain = chain(host::devchain::Options {
        tempo: 100,
        ..host::devchain::Options::default()
    })
    .await;
    let alice = Running::start(&chain).await;
    let metagraph = alice.chain.metagraph(NETUID).await.unwrap();
    let due = metagraph.next_epoch_block.unwrap() - options().lead_blocks;
    chain.wait_for_block(due - 1).await;
    chain.faults().hang();
    let healed = chain.head().number + TEN_MINUTES_BLOCKS;
    chain.wait_for_block(healed).await;
    assert_eq!(*alice.heard.events.lock().unwrap(), []);
    chain.faults().heal();

    let (_, set) = alice.heard.first(WeightsKind::Set, 0).await;
    assert!(set > healed, "{set} is not after {healed}");
    alice.heard.first(WeightsKind::Confirmed, 0).await;
    let metagraph = alice.chain.metagraph(NETUID).await.unwrap();
    let until = metagraph.next_epoch_block.unwrap() - options().lead_blocks - 1;
    chain.wait_for_block(until).await;
    let weights = alice.chain.weights(NETUID, VALIDATOR).await.unwrap();
    assert_eq!(weights, on_the_miner());
    let events = alice.heard.events.lock().unwrap().clone();
    let sets = events.iter().filter(|(kind, _)| *kind == WeightsKind::Set);
    assert_eq!(sets.count(), 1, "{events:?}");
    alice.stop().await;
}

/// Issue 3, acceptance 5, and that the validator goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_reports_a_dropped_commit_and_commits_again() {
    let chain = chain(committing()).await;
    chain.faults().drop_reveals();
    let alice = Running::start(&chain).await;
    let (committed, _) = alice.heard.first(WeightsKind::Committed, 0).await;
    let (dropped, _) = alice.heard.first(WeightsKind::Dropped, committed).await;
    let confirmed = |(kind, _): &(WeightsKind, u64)| *kind == WeightsKind::Confirmed;
    assert!(!alice.heard.events.lock().unwrap().iter().any(confirmed));

    chain.faults().heal();
    let (again, _) = alice.heard.first(WeightsKind::Committed, dropped).await;
    alice.heard.first(WeightsKind::Confirmed, again).await;
    let weights = alice.chain.weights(NETUID, VALIDATOR).await.unwrap();
    assert_eq!(weights, on_the_miner());
    let wait = Duration::from_millis(BLOCK_MS);
    tokio::time::timeout(wait * 400, alice.stop())
        .await
        .unwrap();
}
