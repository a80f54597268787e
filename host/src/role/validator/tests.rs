//! A validator's promises, with miners, plugins and a chain that do as told,
//! and the real store.
#![allow(clippy::unwrap_used, clippy::panic)]

mod commits;
mod epochs;
mod fakes;
mod guarding;
mod letting;
mod probes;
mod restarts;
mod rounds;
mod running;
mod settling;
mod shadowing;

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::role::testing::{FakeChain, me};
use crate::store::{Retention, SessionState, SqliteStore, StoreReader};
use crate::subnet::Uid;
use crate::subnet::events::Unobserved;
use crate::subnet::evidence::{Ending, StoreOwner};

use fakes::{FakeDendrite, FakePlugins};

/// A validator's surroundings.
struct World {
    chain: Arc<FakeChain>,
    dendrite: Arc<FakeDendrite>,
    plugins: Arc<FakePlugins>,
    store: Arc<SqliteStore>,
    options: ValidatorOptions,
    guard: Arc<guard::Guard>,
    probing: Option<probing::Probing>,
    folder: TempDir,
}

impl World {
    /// So many miners, whom one generator asks `tasks` times each.
    fn new(miners: Uid, tasks: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("role").tempdir().unwrap();
        let owner = StoreOwner {
            genesis: [1; 32],
            netuid: 1,
            hotkey: me(),
        };
        let path = folder.path().join("state");
        let store = Arc::new(SqliteStore::open(&path, &owner, Retention::default()).unwrap());
        let dendrite = Arc::new(FakeDendrite::new(store.clone()));
        Self {
            chain: Arc::new(FakeChain::new(miners)),
            plugins: Arc::new(FakePlugins::new(dendrite.clone(), tasks)),
            dendrite,
            store,
            options: options(),
            guard: Arc::default(),
            probing: None,
            folder,
        }
    }

    fn means(&self) -> Means {
        Means {
            me: me(),
            chain: self.chain.clone(),
            dendrite: self.dendrite.clone(),
            plugins: self.plugins.clone(),
            store: self.store.clone(),
            observer: Arc::new(Unobserved),
            quiet: Quiet::default(),
            guard: self.guard.clone(),
            probing: self.probing.clone(),
        }
    }

    fn validator(&self) -> Validator {
        Validator::new(self.means(), self.options.clone())
    }

    /// A survey and a round.
    async fn challenge(&self) {
        let (means, metagraph) = (self.means(), Arc::new(self.chain.now()));
        let answering = Answering::default();
        survey::survey(&means, &self.options, &metagraph, &answering).await;
        let none = Vec::new();
        round::round(&means, &self.options, &metagraph, &answering, none, true).await;
    }

    /// How each miner's session ended; who has none is absent.
    fn endings(&self) -> BTreeMap<Uid, Option<Ending>> {
        let reader = StoreReader::open(&self.folder.path().join("state")).unwrap();
        let ended = |state| match state {
            SessionState::Open => None,
            SessionState::Ended(ending) => Some(ending),
        };
        reader
            .recent_sessions(1000)
            .unwrap()
            .into_iter()
            .map(|session| (session.uid, ended(session.state)))
            .collect()
    }

    /// Whether a miner passed; a session that is open or void is an error.
    fn passed(&self, uid: Uid) -> bool {
        match self.endings().remove(&uid) {
            Some(Some(Ending::Judged(verdict))) => verdict.passed,
            other => panic!("no verdict for uid {uid}: {other:?}"),
        }
    }

    /// Why a miner's session is void; any other ending is an error.
    fn void(&self, uid: Uid) -> String {
        match self.endings().remove(&uid) {
            Some(Some(Ending::Void(why))) => why,
            other => panic!("the session of uid {uid} is not void: {other:?}"),
        }
    }
}

fn options() -> ValidatorOptions {
    ValidatorOptions {
        netuid: 1,
        register_limit_rao: None,
        sync_blocks: 1,
        survey_blocks: 50,
        challenge_blocks: 50,
        turn_blocks: 1,
        void_permille: 500,
        lead_blocks: 3,
        sessions_at_once: 64,
        verify_at_once: 2,
        surveys_at_once: 8,
        spread: Spread::Together,
    }
}
