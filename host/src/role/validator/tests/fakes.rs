//! Miners and plugins that do as told, and a diary of what happened.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::*;
use crate::subnet::challenge::{Answer, Exchange, Session, Step, Task, Verdict};
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{
    Called, ChallengeGenerator, Digest, KeptPlugin, PluginError, PluginId, ScoringPolicy,
};
use crate::subnet::scoring::{Evidence, Outcome, Score};
use crate::subnet::wire::{
    Described, Description, Peer, PeerError, RentAnswer, RentCall, RentFailure, TaskRequest, Wire,
};

use super::letting::Letting;

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    Sent(Uid, u16),
    Answered(Uid, u16),
    /// The generator was asked about a transcript of this length.
    Advanced(Uid, usize),
    /// The miner was told that the session is over.
    Released(Uid),
}

pub(super) fn uid_of(hotkey: &AccountId) -> Uid {
    Uid::from_le_bytes([hotkey.0[0], hotkey.0[1]])
}

/// Miners that answer at once, with their uid, unless told otherwise.
pub(super) struct FakeDendrite {
    store: Arc<SqliteStore>,
    answers: Mutex<HashMap<(Uid, u16), Answer>>,
    silent: Mutex<HashSet<Uid>>,
    wires: Mutex<HashMap<Uid, Wire>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    /// What the miners have for rent.
    pub(super) letting: Letting,
    /// Tasks on their way.
    out: AtomicUsize,
    diary: watch::Sender<Vec<Happened>>,
    /// Tasks that were sent before they were on disk.
    pub(super) unrecorded: AtomicUsize,
    /// Guest calls during which a task was on its way.
    pub(super) disturbed: AtomicUsize,
}

impl FakeDendrite {
    pub(super) fn new(store: Arc<SqliteStore>) -> Self {
        Self {
            letting: Letting::new(store.clone()),
            store,
            answers: Mutex::default(),
            silent: Mutex::default(),
            wires: Mutex::default(),
            gate: Mutex::default(),
            out: AtomicUsize::new(0),
            diary: watch::Sender::new(Vec::new()),
            unrecorded: AtomicUsize::new(0),
            disturbed: AtomicUsize::new(0),
        }
    }

    pub(super) fn says(&self, uid: Uid, step: u16, answer: Answer) {
        self.answers.lock().unwrap().insert((uid, step), answer);
    }

    /// This miner does not answer the survey.
    pub(super) fn silence(&self, uid: Uid) {
        self.silent.lock().unwrap().insert(uid);
    }

    /// This miner describes itself in another way.
    pub(super) fn speaks(&self, uid: Uid, wire: Wire) {
        self.wires.lock().unwrap().insert(uid, wire);
    }

    /// From now on each answer needs a permit.
    pub(super) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub(super) fn diary(&self) -> Vec<Happened> {
        self.diary.borrow().clone()
    }

    /// What was sent, in order.
    pub(super) fn sent(&self) -> Vec<(Uid, u16)> {
        let sent = |happened| match happened {
            Happened::Sent(uid, step) => Some((uid, step)),
            _ => None,
        };
        self.diary().into_iter().filter_map(sent).collect()
    }

    pub(super) async fn until(&self, happened: Happened) {
        let mut diary = self.diary.subscribe();
        diary
            .wait_for(|diary| diary.contains(&happened))
            .await
            .unwrap();
    }

    fn note(&self, happened: Happened) {
        self.diary.send_modify(|diary| diary.push(happened));
    }

    fn is_on_disk(&self, task: &TaskRequest<'_>) -> bool {
        self.store.unfinished().unwrap().iter().any(|open| {
            open.record.session.id == task.session
                && open.asked
                && open.transcript.len() == usize::from(task.step)
        })
    }

    /// Guest work begins, and takes a moment.
    async fn disturb(&self) {
        for _ in 0..3 {
            if self.out.load(Ordering::SeqCst) > 0 {
                self.disturbed.fetch_add(1, Ordering::SeqCst);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Dendrite for FakeDendrite {
    async fn describe(&self, peer: &Peer) -> Result<Described, PeerError> {
        let uid = uid_of(&peer.hotkey);
        if self.silent.lock().unwrap().contains(&uid) {
            return Err(PeerError::TimedOut(5000));
        }
        let wire = self.wires.lock().unwrap().get(&uid).copied();
        Ok(Described {
            description: Description {
                machines: self.letting.machines(uid),
                ..Description::default()
            },
            wire: wire.unwrap_or(Wire::Signed),
        })
    }

    async fn challenge(&self, peer: &Peer, task: TaskRequest<'_>) -> (Answer, Duration) {
        let uid = uid_of(&peer.hotkey);
        if !self.is_on_disk(&task) {
            self.unrecorded.fetch_add(1, Ordering::SeqCst);
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        self.note(Happened::Sent(uid, task.step));
        let gate = self.gate.lock().unwrap().clone();
        match gate {
            Some(gate) => gate.acquire().await.unwrap().forget(),
            None => tokio::task::yield_now().await,
        }
        self.out.fetch_sub(1, Ordering::SeqCst);
        self.note(Happened::Answered(uid, task.step));
        let told = self.answers.lock().unwrap().get(&(uid, task.step)).cloned();
        let answer = told.unwrap_or_else(|| Answer::Payload(uid.to_le_bytes().into()));
        (answer, Duration::from_millis(5))
    }

    async fn rent(&self, peer: &Peer, call: RentCall) -> Result<RentAnswer, RentFailure> {
        self.letting.answer(uid_of(&peer.hotkey), call)
    }

    async fn end_session(&self, peer: &Peer, _: &str) -> Result<(), PeerError> {
        self.note(Happened::Released(uid_of(&peer.hotkey)));
        Ok(())
    }
}

type Advance = dyn Fn(&Session, &[Exchange]) -> Result<Step, PluginError> + Send + Sync;

/// A generator that is a closure.
pub(super) struct FakeGenerator {
    id: PluginId,
    dendrite: Arc<FakeDendrite>,
    advance: Box<Advance>,
}

#[async_trait]
impl ChallengeGenerator for FakeGenerator {
    fn id(&self) -> &PluginId {
        &self.id
    }

    async fn advance(
        &self,
        session: &Session,
        transcript: &[Exchange],
    ) -> Result<Called<Step>, PluginError> {
        let heard = Happened::Advanced(uid_of(&session.hotkey), transcript.len());
        self.dendrite.note(heard);
        self.dendrite.disturb().await;
        (self.advance)(session, transcript).map(called)
    }
}

/// Asks so many tasks, or until one is not answered; passes who answered all.
pub(super) fn asks(
    tasks: usize,
) -> impl Fn(&Session, &[Exchange]) -> Result<Step, PluginError> + Send + Sync {
    move |_, transcript| {
        let answered = |exchange: &Exchange| matches!(exchange.answer, Answer::Payload(_));
        let passed = transcript.iter().all(answered);
        if passed && transcript.len() < tasks {
            return Ok(Step::Ask(task(vec![7; 64])));
        }
        Ok(Step::Conclude(verdict(passed)))
    }
}

pub(super) fn task(payload: Vec<u8>) -> Task {
    Task {
        solver: "echo-v1".into(),
        payload,
        timeout_ms: 1000,
    }
}

pub(super) fn verdict(passed: bool) -> Verdict {
    Verdict {
        passed,
        grade_permille: if passed { 1000 } else { 0 },
        proven: None,
        metrics: Vec::new(),
        reason: "as told".into(),
        memory: Vec::new(),
    }
}

fn called<T>(value: T) -> Called<T> {
    Called {
        value,
        fuel: 1,
        memory_bytes: 1,
        elapsed: Duration::ZERO,
    }
}

pub(super) fn plugin(name: &str) -> PluginId {
    PluginId {
        name: name.into(),
        version: "0.1.0".into(),
        digest: Digest([4; 32]),
        settings: Digest([5; 32]),
    }
}

type Evaluate = dyn Fn(&Evidence) -> Result<Outcome, PluginError> + Send + Sync;

/// A policy that is a closure and keeps what it was given.
pub(super) struct FakePolicy {
    id: PluginId,
    evaluate: Box<Evaluate>,
    pub(super) given: Mutex<Vec<Evidence>>,
}

#[async_trait]
impl ScoringPolicy for FakePolicy {
    fn id(&self) -> &PluginId {
        &self.id
    }

    async fn evaluate(&self, evidence: &Evidence) -> Result<Called<Outcome>, PluginError> {
        self.given.lock().unwrap().push(evidence.clone());
        (self.evaluate)(evidence).map(called)
    }
}

impl FakePolicy {
    pub(super) fn times(&self) -> usize {
        self.given.lock().unwrap().len()
    }
}

/// Gives each miner of the evidence these points, and remembers its own name.
pub(super) fn points(
    points: impl Fn(Uid) -> u64 + Send + Sync + 'static,
) -> impl Fn(&Evidence) -> Result<Outcome, PluginError> + Send + Sync + 'static {
    move |evidence| {
        let score = |uid| Score {
            uid,
            points: points(uid),
            reason: "as told".into(),
        };
        Ok(Outcome {
            scores: evidence
                .miners
                .iter()
                .map(|miner| score(miner.uid))
                .collect(),
            memory: b"remembered".into(),
        })
    }
}

impl FakePolicy {
    fn new(
        name: &str,
        evaluate: impl Fn(&Evidence) -> Result<Outcome, PluginError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: plugin(name),
            evaluate: Box::new(evaluate),
            given: Mutex::default(),
        })
    }
}

/// What is loaded: by the end of a test, whatever it swapped in.
pub(super) struct FakePlugins {
    dendrite: Arc<FakeDendrite>,
    policy: Mutex<Option<Arc<FakePolicy>>>,
    shadow: Mutex<Option<Arc<FakePolicy>>>,
    active: Mutex<Vec<Arc<FakeGenerator>>>,
    /// No longer active, but still here.
    kept: Mutex<Vec<Arc<FakeGenerator>>>,
}

impl FakePlugins {
    pub(super) fn new(dendrite: Arc<FakeDendrite>, tasks: usize) -> Self {
        let plugins = Self {
            dendrite,
            policy: Mutex::default(),
            shadow: Mutex::default(),
            active: Mutex::default(),
            kept: Mutex::default(),
        };
        plugins.generate(asks(tasks));
        plugins
    }

    fn generator(
        &self,
        name: &str,
        advance: impl Fn(&Session, &[Exchange]) -> Result<Step, PluginError> + Send + Sync + 'static,
    ) -> Arc<FakeGenerator> {
        Arc::new(FakeGenerator {
            id: plugin(name),
            dendrite: self.dendrite.clone(),
            advance: Box::new(advance),
        })
    }

    /// The one active generator, called `matmul`.
    pub(super) fn generate(
        &self,
        advance: impl Fn(&Session, &[Exchange]) -> Result<Step, PluginError> + Send + Sync + 'static,
    ) {
        *self.active.lock().unwrap() = vec![self.generator("matmul", advance)];
    }

    /// A generator that is here, but not active.
    pub(super) fn keep(
        &self,
        name: &str,
        advance: impl Fn(&Session, &[Exchange]) -> Result<Step, PluginError> + Send + Sync + 'static,
    ) {
        let kept = self.generator(name, advance);
        self.kept.lock().unwrap().push(kept);
    }

    /// Makes this the active policy.
    pub(super) fn swap(
        &self,
        name: &str,
        evaluate: impl Fn(&Evidence) -> Result<Outcome, PluginError> + Send + Sync + 'static,
    ) -> Arc<FakePolicy> {
        let policy = FakePolicy::new(name, evaluate);
        *self.policy.lock().unwrap() = Some(policy.clone());
        policy
    }

    /// Makes this the shadow policy.
    pub(super) fn beside(
        &self,
        name: &str,
        evaluate: impl Fn(&Evidence) -> Result<Outcome, PluginError> + Send + Sync + 'static,
    ) -> Arc<FakePolicy> {
        let policy = FakePolicy::new(name, evaluate);
        *self.shadow.lock().unwrap() = Some(policy.clone());
        policy
    }
}

impl Plugins for FakePlugins {
    fn policy(&self) -> Option<Arc<dyn ScoringPolicy>> {
        self.policy
            .lock()
            .unwrap()
            .clone()
            .map(|policy| policy as _)
    }

    fn shadow(&self) -> Option<Arc<dyn ScoringPolicy>> {
        let shadow = self.shadow.lock().unwrap().clone();
        shadow.map(|policy| policy as _)
    }

    fn generators(&self) -> Vec<Arc<dyn ChallengeGenerator>> {
        let active = self.active.lock().unwrap();
        active
            .iter()
            .map(|generator| generator.clone() as _)
            .collect()
    }

    fn generator(&self, id: &PluginId) -> Option<Arc<dyn ChallengeGenerator>> {
        let (active, kept) = (self.active.lock().unwrap(), self.kept.lock().unwrap());
        let mut all = active.iter().chain(kept.iter());
        let found = all.find(|generator| generator.id == *id)?;
        Some(found.clone())
    }

    fn kept(&self, id: &PluginId) -> Option<KeptPlugin> {
        Some(KeptPlugin {
            id: id.clone(),
            component: id.name.clone().into_bytes(),
            settings: Default::default(),
        })
    }
}
