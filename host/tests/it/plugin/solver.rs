//! A session has an instance of its own, and is stopped by time.

use host::subnet::plugin::{PluginError, Plugins, SolverError};

use super::support::{Node, own_engine, solver_session};

async fn answer(mode: &str) -> Result<Vec<u8>, SolverError> {
    let node = Node::misbehaving(mode);
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut session = solver.open(solver_session()).await?;
    let called = session.answer(vec![1, 2, 3]).await;
    called.map(|called| called.value)
}

#[tokio::test]
async fn a_solver_answers() {
    assert_eq!(answer("ok").await, Ok(vec![1, 2, 3]));
}

#[tokio::test]
async fn a_session_remembers_and_another_does_not() {
    let node = Node::misbehaving("count");
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut session = solver.open(solver_session()).await.unwrap();
    assert_eq!(session.answer(vec![]).await.unwrap().value, [1]);
    assert_eq!(session.answer(vec![]).await.unwrap().value, [2]);
    let mut other = solver.open(solver_session()).await.unwrap();
    assert_eq!(other.answer(vec![]).await.unwrap().value, [1]);
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_deadline() {
    let late = SolverError::Plugin(PluginError::Deadline(1_000));
    assert_eq!(answer("loop").await, Err(late));
}

#[tokio::test]
async fn a_solver_has_the_same_limits_on_what_it_takes() {
    for (mode, error) in [
        ("hoard", PluginError::OutOfMemory(48 << 20)),
        ("flood", PluginError::LogFlood(16 << 10)),
        ("too-much", PluginError::TooMuchData(8 << 20)),
    ] {
        assert_eq!(answer(mode).await, Err(error.into()), "{mode}");
    }
}

#[tokio::test]
async fn what_a_solver_says_of_a_task_is_told_apart_and_escaped() {
    assert!(matches!(
        answer("malformed").await,
        Err(SolverError::Malformed(_))
    ));
    let Err(SolverError::Unable(why)) = answer("escapes").await else {
        panic!("not unable");
    };
    assert!(!why.contains('\u{1b}'), "{why}");
}

#[tokio::test]
async fn a_session_that_failed_stays_failed() {
    let node = Node::misbehaving("trap");
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut session = solver.open(solver_session()).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(
            session.answer(vec![]).await,
            Err(SolverError::Plugin(PluginError::Trapped(_)))
        ));
    }
}

#[tokio::test]
async fn sessions_are_bounded_and_an_ended_one_makes_room() {
    let node = Node::on(own_engine(), "ok").unwrap();
    let solver = node.registry.solver("fixture-v1").unwrap();
    let mut open = Vec::new();
    for _ in 0..12 {
        open.push(solver.open(solver_session()).await.unwrap());
    }
    let refused = solver.open(solver_session()).await;
    assert_eq!(refused.err(), Some(PluginError::Overloaded(12)));
    open.pop();
    assert!(solver.open(solver_session()).await.is_ok());
}

#[tokio::test]
async fn a_million_solver_names_are_refused() {
    let Err(error) = Node::try_misbehaving("many-names") else {
        panic!("admitted");
    };
    assert!(error.to_string().contains("misbehave-solver"), "{error}");
}
