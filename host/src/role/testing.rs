//! A chain for tests of roles: its metagraph is what the test says, its heads
//! come when the test says, and it fails in the ways the test chooses.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::subnet::chain::testing::{metagraph, neuron};
use crate::subnet::chain::{AxonInfo, Chain, ChainError, Head, Included, Metagraph, Network};
use crate::subnet::commit::{Commit, CommitFate, Hiding, Plan};
use crate::subnet::key::AccountId;
use crate::subnet::weights::Weights;
use crate::subnet::{BlockNumber, Netuid, Uid};

/// What becomes of weights that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are in storage at once.
    Lands,
    /// In a block, but not in storage until [`FakeChain::land`].
    Delayed,
    /// In storage, but the caller is not told.
    Unanswered,
    /// Nobody knows, and they do not arrive until [`FakeChain::land`].
    Lost,
    /// The chain says no.
    Refused,
}

/// What the chain holds and what it was asked.
pub(super) struct State {
    pub(super) metagraph: Metagraph,
    pub(super) weights: Weights,
    pub(super) fate: Fate,
    pub(super) away: bool,
    pub(super) refuses_axons: bool,
    /// Every vector that was sent, refused or not.
    pub(super) sent: Vec<Weights>,
    /// How weights are committed, where the rules demand it.
    pub(super) hiding: Hiding,
    /// What became of a commit.
    pub(super) commit_fate: CommitFate,
    /// Every commit that was sent.
    pub(super) committed: Vec<Commit>,
    /// Every commit that was asked after, and where it was seen.
    pub(super) asked_after: Vec<(Commit, Option<BlockNumber>)>,
    /// Every commit that was revealed.
    pub(super) revealed: Vec<(Weights, Commit)>,
    /// Every announcement, refused or not.
    pub(super) announced: Vec<AxonInfo>,
    /// The limit of every registration.
    pub(super) registered: Vec<u64>,
}

/// A chain of one subnet, in which the node is uid 0.
pub(super) struct FakeChain {
    heads: watch::Sender<Head>,
    /// Times the metagraph was asked for.
    pub(super) looks: watch::Sender<u64>,
    state: Mutex<State>,
}

/// The node's own key.
pub(super) fn me() -> AccountId {
    neuron(0).hotkey
}

impl FakeChain {
    /// A validator, uid 0, and so many miners after it.
    pub(super) fn new(miners: Uid) -> Self {
        let mut neurons: Vec<_> = (0..=miners).map(neuron).collect();
        neurons[0].validator_permit = true;
        neurons[0].axon = None;
        Self {
            heads: watch::Sender::new(Head {
                number: 100,
                hash: [0; 32],
            }),
            looks: watch::Sender::new(0),
            state: Mutex::new(State {
                metagraph: metagraph(neurons),
                weights: Weights::default(),
                fate: Fate::Lands,
                away: false,
                refuses_axons: false,
                sent: Vec::new(),
                hiding: Hiding::Timelocked { round: 7 },
                commit_fate: CommitFate::Absent,
                committed: Vec::new(),
                asked_after: Vec::new(),
                revealed: Vec::new(),
                announced: Vec::new(),
                registered: Vec::new(),
            }),
        }
    }

    /// Looks at the state, or changes it.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// The metagraph as it stands.
    pub(super) fn now(&self) -> Metagraph {
        self.with(|state| state.metagraph.clone())
    }

    /// A new head at this height; the metagraph is of that block.
    pub(super) fn head(&self, number: BlockNumber) {
        self.with(|state| state.metagraph.block = number);
        self.heads.send_replace(Head {
            number,
            hash: [0; 32],
        });
    }

    /// Weights that were delayed are in storage now.
    pub(super) fn land(&self) {
        self.with(|state| {
            // Committed weights are nowhere until they are revealed.
            if !state.metagraph.rules.commit_reveal {
                state.weights = state.sent.last().unwrap().clone();
            }
            state.metagraph.neurons[0].last_update = state.metagraph.block;
        });
    }

    /// Until the metagraph was asked for so many times.
    pub(super) async fn looked(&self, times: u64) {
        let mut looks = self.looks.subscribe();
        looks.wait_for(|looks| *looks >= times).await.unwrap();
    }

    fn here(&self) -> Result<Included, ChainError> {
        self.with(|state| match state.away {
            true => Err(ChainError::Unreachable("it is away".into())),
            false => Ok(Included {
                block: state.metagraph.block,
                hash: [0; 32],
            }),
        })
    }
}

fn refused() -> ChainError {
    ChainError::Refused {
        name: "NoThankYou".into(),
        remedy: "Try again.".into(),
    }
}

#[async_trait]
impl Chain for FakeChain {
    fn heads(&self) -> watch::Receiver<Head> {
        self.heads.subscribe()
    }

    async fn network(&self) -> Result<Network, ChainError> {
        Err(ChainError::Nonsense("a role does not ask this".into()))
    }

    async fn metagraph(&self, _: Netuid) -> Result<Metagraph, ChainError> {
        self.looks.send_modify(|looks| *looks += 1);
        self.here()?;
        Ok(self.now())
    }

    async fn weights(&self, _: Netuid, uid: Uid) -> Result<Weights, ChainError> {
        self.here()?;
        assert_eq!(uid, 0, "only the node's own weights are asked for");
        Ok(self.with(|state| state.weights.clone()))
    }

    async fn serve_axon(&self, _: Netuid, axon: AxonInfo) -> Result<Included, ChainError> {
        let included = self.here()?;
        self.with(|state| {
            state.announced.push(axon);
            if state.refuses_axons {
                return Err(refused());
            }
            state.metagraph.neurons[0].axon = Some(axon);
            Ok(included)
        })
    }

    async fn register(&self, _: Netuid, limit_rao: u64) -> Result<Included, ChainError> {
        let included = self.here()?;
        self.with(|state| {
            state.registered.push(limit_rao);
            state.metagraph.neurons.insert(0, neuron(0));
        });
        Ok(included)
    }

    async fn plan_weights(
        &self,
        _: Netuid,
        _: &Weights,
        version_key: u64,
    ) -> Result<Plan, ChainError> {
        let planned = self.here()?.block;
        Ok(
            self.with(|state| match state.metagraph.rules.commit_reveal {
                false => Plan::Set { version_key },
                true => Plan::Commit {
                    commit: Commit {
                        hiding: state.hiding.clone(),
                        hash: [u8::try_from(state.sent.len()).unwrap(); 32],
                        version_key,
                        planned_at: planned,
                        epoch: state.metagraph.epoch,
                        reveal_epoch: state.metagraph.epoch + 1,
                        reveal_block: 111,
                    },
                    payload: vec![1],
                },
            }),
        )
    }

    async fn send_weights(
        &self,
        _: Netuid,
        weights: &Weights,
        plan: &Plan,
    ) -> Result<Included, ChainError> {
        let included = self.here()?;
        self.with(|state| {
            state.sent.push(weights.clone());
            if let Plan::Commit { commit, .. } = plan {
                state.committed.push(commit.clone());
            }
        });
        match self.with(|state| state.fate) {
            Fate::Lands => self.land(),
            Fate::Delayed => {}
            Fate::Unanswered => {
                self.land();
                return Err(ChainError::Unknown(60));
            }
            Fate::Lost => return Err(ChainError::Unknown(60)),
            Fate::Refused => return Err(refused()),
        }
        Ok(included)
    }

    async fn commit_fate(
        &self,
        _: Netuid,
        _: &Weights,
        commit: &Commit,
        included: Option<BlockNumber>,
    ) -> Result<CommitFate, ChainError> {
        self.here()?;
        self.with(|state| state.asked_after.push((commit.clone(), included)));
        Ok(self.with(|state| state.commit_fate))
    }

    async fn reveal_weights(
        &self,
        _: Netuid,
        weights: &Weights,
        commit: &Commit,
    ) -> Result<Included, ChainError> {
        let included = self.here()?;
        self.with(|state| state.revealed.push((weights.clone(), commit.clone())));
        Ok(included)
    }
}
