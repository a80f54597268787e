//! What a desk promises, with a solver that answers when it is told to.
#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::*;
use crate::subnet::plugin::{Called, ChallengeSolver, Digest, PluginId};

/// Answers each task with its payload, once a permit is there.
struct Echo {
    id: PluginId,
    names: Vec<String>,
    leave: Arc<Semaphore>,
}

struct EchoSession(Arc<Semaphore>);

#[async_trait]
impl OpenSession for EchoSession {
    async fn answer(&mut self, payload: Vec<u8>) -> Result<Called<Vec<u8>>, SolverError> {
        self.0.acquire().await.unwrap().forget();
        Ok(Called {
            value: payload,
            fuel: 0,
            memory_bytes: 0,
            elapsed: Duration::ZERO,
        })
    }
}

#[async_trait]
impl ChallengeSolver for Echo {
    fn id(&self) -> &PluginId {
        &self.id
    }
    fn solves(&self) -> &[String] {
        &self.names
    }
    async fn open(&self, _: SolverSession) -> Result<Box<dyn OpenSession>, PluginError> {
        Ok(Box::new(EchoSession(self.leave.clone())))
    }
}

struct Only(Arc<Echo>);

impl Plugins for Only {
    fn solver(&self, solver: &str) -> Option<Arc<dyn ChallengeSolver>> {
        self.0
            .names
            .iter()
            .any(|name| name == solver)
            .then(|| self.0.clone() as _)
    }
    fn solver_names(&self) -> Vec<String> {
        self.0.names.clone()
    }
}

fn desk(permits: usize) -> (Arc<Desk>, Arc<Semaphore>) {
    let leave = Arc::new(Semaphore::new(permits));
    let nothing = Digest([0; 32]);
    let id = PluginId {
        name: "echo".into(),
        version: "0.1.0".into(),
        digest: nothing,
        settings: nothing,
    };
    let echo = Echo {
        id,
        names: vec!["echo-v1".into()],
        leave: leave.clone(),
    };
    (
        Arc::new(Desk::new(
            AccountId([9; 32]),
            Arc::new(Only(Arc::new(echo))),
        )),
        leave,
    )
}

const ALICE: AccountId = AccountId([1; 32]);
const BOB: AccountId = AccountId([2; 32]);

fn task(session: &str, step: u16) -> TaskReceived {
    TaskReceived {
        session: session.into(),
        step,
        solver: "echo-v1".into(),
        payload: vec![42],
        timeout: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_session_is_answered_step_by_step() {
    let (desk, _) = desk(9);
    assert_eq!(desk.answer(&ALICE, task("s", 0)).await, Ok(vec![42]));
    assert_eq!(desk.answer(&ALICE, task("s", 1)).await, Ok(vec![42]));
}

#[tokio::test]
async fn another_validator_is_told_busy_until_the_session_is_over() {
    let (desk, _) = desk(9);
    desk.answer(&ALICE, task("s", 0)).await.unwrap();
    assert!(matches!(
        desk.answer(&BOB, task("t", 0)).await,
        Err(Refusal::Busy(_))
    ));
    desk.end(&BOB, "s").await;
    assert!(matches!(
        desk.answer(&BOB, task("t", 0)).await,
        Err(Refusal::Busy(_))
    ));
    desk.end(&ALICE, "s").await;
    assert_eq!(desk.answer(&BOB, task("t", 0)).await, Ok(vec![42]));
}

#[tokio::test]
async fn a_task_sent_twice_is_not_answered_twice() {
    let (desk, _) = desk(9);
    desk.answer(&ALICE, task("s", 0)).await.unwrap();
    assert!(matches!(
        desk.answer(&ALICE, task("s", 0)).await,
        Err(Refusal::Malformed(_))
    ));
}

#[tokio::test]
async fn an_opening_of_an_unknown_session_is_forgotten() {
    let (desk, _) = desk(9);
    assert_eq!(
        desk.answer(&ALICE, task("s", 1)).await,
        Err(Refusal::Forgotten)
    );
}

#[tokio::test]
async fn nobody_continues_another_validators_session() {
    let (desk, _) = desk(9);
    desk.answer(&ALICE, task("s", 0)).await.unwrap();
    assert!(desk.answer(&BOB, task("s", 1)).await.is_err());
}

#[tokio::test]
async fn a_validator_that_begins_anew_gives_up_its_old_session() {
    let (desk, _) = desk(9);
    desk.answer(&ALICE, task("old", 0)).await.unwrap();
    assert_eq!(desk.answer(&ALICE, task("new", 0)).await, Ok(vec![42]));
    assert_eq!(
        desk.answer(&ALICE, task("old", 1)).await,
        Err(Refusal::Forgotten)
    );
}

#[tokio::test]
async fn an_unknown_solver_is_named_in_the_refusal() {
    let (desk, _) = desk(9);
    let asked = TaskReceived {
        solver: "fft-v1".into(),
        ..task("s", 0)
    };
    let refusal = desk.answer(&ALICE, asked).await.unwrap_err();
    assert!(refusal.to_string().contains("fft-v1"), "{refusal}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_the_session_whole() {
    let (desk, leave) = desk(0);
    let asking = tokio::spawn({
        let desk = desk.clone();
        async move { desk.answer(&ALICE, task("s", 0)).await }
    });
    while desk.current.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(matches!(
        desk.answer(&ALICE, task("s", 1)).await,
        Err(Refusal::Busy(_))
    ));
    leave.add_permits(2);
    while desk.current.try_lock().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(desk.answer(&ALICE, task("s", 1)).await, Ok(vec![42]));
}

#[tokio::test]
async fn a_session_that_ended_while_its_task_ran_holds_nobody_up_afterwards() {
    let (desk, leave) = desk(0);
    let asking = tokio::spawn({
        let desk = desk.clone();
        async move { desk.answer(&ALICE, task("s", 0)).await }
    });
    while desk.current.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    desk.end(&ALICE, "s").await;
    leave.add_permits(2);
    asking.await.unwrap().unwrap();
    assert_eq!(desk.answer(&BOB, task("t", 0)).await, Ok(vec![42]));
}

#[tokio::test]
async fn a_task_whose_time_is_over_is_stopped_and_the_machine_is_free() {
    let (desk, leave) = desk(0);
    let hurried = TaskReceived {
        timeout: Duration::from_millis(1),
        ..task("s", 0)
    };
    let refusal = desk.answer(&ALICE, hurried).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Failed(_)), "{refusal}");
    leave.add_permits(1);
    assert_eq!(desk.answer(&BOB, task("t", 0)).await, Ok(vec![42]));
}
