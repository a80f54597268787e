//! What becomes active, and is stopped when it is called.

use host::subnet::plugin::{PluginError, Plugins, SolverError, World};

use super::act::Act;
use super::component::{PAGE_BYTES, Recipe};
use super::stage::{FUEL, HANDED_OVER_BYTES, MEMORY_BYTES, POLICY, RUN_MS, Stage, pin};
use crate::plugin::support::{evidence, solver_session};

/// Whether it ended as it should.
type Judge = fn(&PluginError) -> bool;

struct Case {
    what: &'static str,
    function: &'static str,
    act: Act,
    memory_bytes: u64,
    deserves: Judge,
}

fn case(what: &'static str, function: &'static str, act: Act, deserves: Judge) -> Case {
    Case {
        what,
        function,
        act,
        memory_bytes: 2 << 20,
        deserves,
    }
}

const TRAPPED: fn(&PluginError) -> bool = |error| matches!(error, PluginError::Trapped(_));
const OUT_OF_FUEL: fn(&PluginError) -> bool = |error| *error == PluginError::OutOfFuel(FUEL);
const OUT_OF_MEMORY: fn(&PluginError) -> bool =
    |error| *error == PluginError::OutOfMemory(MEMORY_BYTES);
const TOO_MUCH_DATA: fn(&PluginError) -> bool =
    |error| *error == PluginError::TooMuchData(HANDED_OVER_BYTES);

fn cases() -> Vec<Case> {
    vec![
        case("evaluate loops", "evaluate", Act::Loop, OUT_OF_FUEL),
        case("evaluate recurs", "evaluate", Act::Recurse, TRAPPED),
        case("evaluate traps", "evaluate", Act::Trap, TRAPPED),
        case("evaluate hoards", "evaluate", Act::Hoard, OUT_OF_MEMORY),
        case("arguments loop", "cabi_realloc", Act::Loop, OUT_OF_FUEL),
        case("arguments recur", "cabi_realloc", Act::Recurse, TRAPPED),
        case("arguments trap", "cabi_realloc", Act::Trap, TRAPPED),
        case("arguments hoard", "cabi_realloc", Act::Hoard, OUT_OF_MEMORY),
        case(
            "arguments belong outside its memory",
            "cabi_realloc",
            Act::Return(-8),
            TRAPPED,
        ),
        case(
            "arguments belong at a crooked address",
            "cabi_realloc",
            Act::Return(65_537),
            TRAPPED,
        ),
        case(
            "a list longer than memory",
            "evaluate",
            Act::EndlessList,
            |error| matches!(error, PluginError::Trapped(_) | PluginError::TooMuchData(_)),
        ),
        case(
            "a list at a crooked address",
            "evaluate",
            Act::CrookedList,
            TRAPPED,
        ),
        Case {
            memory_bytes: 20 << 20,
            ..case(
                "a list of fourteen megabytes",
                "evaluate",
                Act::LongList,
                TOO_MUCH_DATA,
            )
        },
        Case {
            memory_bytes: 4 << 20,
            ..case(
                "a gigabyte said in one megabyte",
                "evaluate",
                Act::Laughs,
                TOO_MUCH_DATA,
            )
        },
        case(
            "a case that there is not",
            "evaluate",
            Act::NoSuchCase,
            TRAPPED,
        ),
        case(
            "an error that is not UTF-8",
            "evaluate",
            Act::ErrorNotUtf8,
            |error| matches!(error, PluginError::Trapped(text) if text.contains("utf-8")),
        ),
        case(
            "an answer outside its memory",
            "evaluate",
            Act::Return(-8),
            TRAPPED,
        ),
    ]
}

#[tokio::test]
async fn what_misbehaves_when_it_is_called_is_stopped_and_the_next_call_is_another() {
    let stage = Stage::new();
    let honest = Recipe::honest(World::ScoringPolicy, POLICY).cook();
    for Case {
        what,
        function,
        act,
        memory_bytes,
        deserves,
    } in cases()
    {
        let recipe = Recipe {
            acts: vec![(function, act)],
            memory_pages: memory_bytes / PAGE_BYTES,
            ..Recipe::honest(World::ScoringPolicy, "hostile-policy")
        };
        stage.swap_unrehearsed("policy", recipe.cook()).await;
        stage.policy_is("hostile-policy").await;
        let policy = stage.registry.policy().unwrap();
        let arguments = evidence(2);
        let called = stage.during(what, policy.evaluate(&arguments)).await;
        let stopped = called.map(|called| called.value).expect_err(what);
        assert!(deserves(&stopped), "{what}: {stopped:?}");
        let swapped = stage.registry.swap("policy", honest.clone(), pin()).await;
        swapped.expect(what);
        stage.policy_is(POLICY).await;
    }
}

#[tokio::test]
async fn a_session_that_misbehaves_is_stopped_and_gives_its_place_back() {
    let stage = Stage::new();
    let cases: [(&str, &str, Act, Judge); 4] = [
        ("answer loops", "answer", Act::Loop, |error| {
            *error == PluginError::Deadline(RUN_MS)
        }),
        ("answer recurs", "answer", Act::Recurse, TRAPPED),
        (
            "a task's arguments loop",
            "cabi_realloc",
            Act::Loop,
            |error| *error == PluginError::Deadline(RUN_MS),
        ),
        (
            "an answer outside its memory",
            "answer",
            Act::Return(-8),
            TRAPPED,
        ),
    ];
    for (what, function, act, deserves) in cases {
        let recipe = Recipe {
            acts: vec![(function, act)],
            ..Recipe::honest(World::ChallengeSolver, "hostile-solver")
        };
        let swapped = stage
            .registry
            .swap("hostile-solver", recipe.cook(), pin())
            .await;
        swapped.expect(what);
        let solver = stage.registry.solver("hostile-solver-v1").unwrap();
        let answered = stage
            .during(what, async {
                let mut open = solver.open(solver_session()).await.expect(what);
                open.answer(vec![1, 2, 3]).await
            })
            .await;
        let Err(SolverError::Plugin(stopped)) = answered else {
            panic!("{what}: {answered:?}");
        };
        assert!(deserves(&stopped), "{what}: {stopped:?}");
    }
}
