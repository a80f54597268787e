//! What never becomes active.

use host::plugin::AdmissionError as Refused;
use host::subnet::plugin::{PluginError, Plugins, World};

use super::act::Act;
use super::component::{PAGE_BYTES, Recipe, with_sections};
use super::stage::{FUEL, LOG_BYTES, MEMORY_BYTES, POLICY, RUN_MS, Stage, TAKEN_BYTES, pin};

/// What it is, the component, and whether a refusal is the one it deserves.
struct Case {
    what: String,
    component: Vec<u8>,
    deserves: fn(&Refused) -> bool,
}

fn case(what: &str, recipe: &Recipe, deserves: fn(&Refused) -> bool) -> Case {
    raw(what, recipe.cook(), deserves)
}

fn raw(what: &str, component: Vec<u8>, deserves: fn(&Refused) -> bool) -> Case {
    Case {
        what: what.to_owned(),
        component,
        deserves,
    }
}

fn policy() -> Recipe {
    Recipe::honest(World::ScoringPolicy, "hostile-policy")
}

fn doing(function: &'static str, act: Act) -> Recipe {
    Recipe {
        acts: vec![(function, act)],
        ..policy()
    }
}

fn lying(truth: &'static str, lie: &'static str) -> Recipe {
    Recipe {
        lies: vec![(truth, lie)],
        ..policy()
    }
}

/// Each is offered in turn: it is refused as it deserves, and the policy stays.
async fn refuse(cases: Vec<Case>) {
    let stage = Stage::new();
    let slot = |component: &[u8]| match host::plugin::lone::shape(component) {
        Ok((World::ChallengeSolver, _)) => "hostile-solver",
        _ => "policy",
    };
    for Case {
        what,
        component,
        deserves,
    } in cases
    {
        let slot = slot(&component);
        let offer = stage.registry.swap(slot, component, pin());
        let refused = stage.during(&what, offer).await;
        let refused = refused.map(|report| report.to).expect_err(&what);
        assert!(deserves(&refused), "{what}: {refused:?}");
        assert!(!refused.remedy().is_empty(), "{what}");
        let kept = &stage.registry.refusals()[0];
        assert!(kept.reason.contains(&refused.to_string()), "{what}");
        stage.policy_is(POLICY).await;
    }
    assert!(stage.registry.solver("hostile-solver-v1").is_none());
}

#[tokio::test]
async fn a_component_made_by_hand_that_behaves_is_admitted_and_answers() {
    let stage = Stage::new();
    let honest = policy().cook();
    let offer = stage.registry.swap("policy", honest, pin());
    stage.during("honest", offer).await.unwrap();
    let policy = stage.registry.policy().unwrap();
    assert_eq!(policy.id().name, "hostile-policy");
    let called = policy
        .evaluate(&crate::plugin::support::evidence(2))
        .await
        .unwrap();
    assert!(called.value.scores.is_empty());
}

#[tokio::test]
async fn what_lies_about_its_world_is_refused_before_it_runs() {
    refuse(vec![
        case(
            "another type of answer",
            &lying("describe: func() -> description;", "describe: func() -> u32;"),
            |refused| matches!(refused, Refused::Export { why, .. } if why.contains("describe")),
        ),
        case(
            "another argument",
            &lying("evaluate: func(epoch: epoch,", "evaluate: func(epoch: u64,"),
            |refused| matches!(refused, Refused::Export { why, .. } if why.contains("evaluate")),
        ),
        case(
            "another field",
            &lying("record epoch {", "record epoch {\n    sum: u64,"),
            |refused| matches!(refused, Refused::Export { .. }),
        ),
        case(
            "a function that is not there",
            &lying(
                "check-settings: func() -> result<_, string>;",
                "check-setting: func() -> result<_, string>;",
            ),
            |refused| matches!(refused, Refused::Export { why, .. } if why.contains("check-settings")),
        ),
        case(
            "half a world",
            &lying(
                "export plugin;\n  export scoring;",
                "export scoring;",
            ),
            |refused| matches!(refused, Refused::MissingExport { export, .. } if export == "compute:subnet/plugin@0.1.0"),
        ),
        case(
            "two worlds",
            &lying(
                "export plugin;\n  export scoring;",
                "export plugin;\n  export scoring;\n  export challenge;",
            ),
            |refused| matches!(refused, Refused::SeveralWorlds(_)),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_was_not_granted_is_not_linked() {
    let importing = |truth, lie, interface, function| Recipe {
        imports: vec![(interface, function)],
        ..lying(truth, lie)
    };
    refuse(vec![
        case(
            "another world's import",
            &importing(
                "world scoring-policy {",
                "interface spy { look: func(); }\nworld scoring-policy {\n  import spy;",
                "compute:subnet/spy@0.1.0",
                "look",
            ),
            |refused| matches!(refused, Refused::ForbiddenImport { import, .. } if import == "compute:subnet/spy@0.1.0"),
        ),
        case(
            "a stranger's import",
            &importing(
                "world scoring-policy {",
                "world scoring-policy {\n  import steal: func();",
                "$root",
                "steal",
            ),
            |refused| matches!(refused, Refused::ForbiddenImport { import, .. } if import == "steal"),
        ),
        case(
            "a granted interface with a function more",
            &importing(
                "write: func(level: level, message: string);",
                "write: func(level: level, message: string);\n  erase: func();",
                "compute:subnet/log@0.1.0",
                "erase",
            ),
            |refused| matches!(refused, Refused::Import { why, .. } if why.contains("erase")),
        ),
        case(
            "a granted function of another type",
            &lying(
                "get: func(key: string) -> option<string>;",
                "get: func(key: string) -> result<string>;",
            ),
            |refused| matches!(refused, Refused::Import { why, .. } if why.contains("settings")),
        ),
    ])
    .await;
}

const TRAPPED: fn(&Refused) -> bool =
    |refused| matches!(refused, Refused::Instantiate(PluginError::Trapped(_)));
const DESCRIBE_TRAPPED: fn(&Refused) -> bool =
    |refused| matches!(refused, Refused::Describe(PluginError::Trapped(_)));

#[tokio::test]
async fn what_misbehaves_before_its_first_call_is_stopped() {
    refuse(vec![
        case("start loops", &doing("start", Act::Loop), |refused| {
            *refused == Refused::Instantiate(PluginError::OutOfFuel(FUEL))
        }),
        case("start recurs", &doing("start", Act::Recurse), TRAPPED),
        case("start traps", &doing("start", Act::Trap), TRAPPED),
        case("start hoards", &doing("start", Act::Hoard), |refused| {
            *refused == Refused::Instantiate(PluginError::OutOfMemory(MEMORY_BYTES))
        }),
        case(
            "a solver's start loops",
            &Recipe {
                acts: vec![("start", Act::Loop)],
                ..Recipe::honest(World::ChallengeSolver, "hostile-solver")
            },
            |refused| *refused == Refused::Instantiate(PluginError::Deadline(RUN_MS)),
        ),
        case(
            "memory of 512 MiB from the beginning",
            &Recipe {
                memory_pages: (512 << 20) / PAGE_BYTES,
                ..policy()
            },
            |refused| *refused == Refused::Instantiate(PluginError::OutOfMemory(MEMORY_BYTES)),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_misbehaves_when_it_is_asked_who_it_is_is_stopped() {
    let describe = |act| doing("describe", act);
    let table = |act| Recipe {
        tables: vec![1],
        ..doing("describe", act)
    };
    refuse(vec![
        case("describe loops", &describe(Act::Loop), |refused| {
            *refused == Refused::Describe(PluginError::OutOfFuel(FUEL))
        }),
        case("describe recurs", &describe(Act::Recurse), |refused| {
            matches!(refused, Refused::Describe(PluginError::Trapped(text)) if text.contains("call stack exhausted"))
        }),
        case("describe traps", &describe(Act::Trap), DESCRIBE_TRAPPED),
        case("describe hoards", &describe(Act::Hoard), |refused| {
            *refused == Refused::Describe(PluginError::OutOfMemory(MEMORY_BYTES))
        }),
        case("describe hoards a table", &table(Act::HoardTable), |refused| {
            *refused == Refused::Describe(PluginError::OutOfMemory(MEMORY_BYTES))
        }),
        case("describe leaps to three GiB", &describe(Act::Leap), |refused| {
            *refused == Refused::Describe(PluginError::OutOfMemory(MEMORY_BYTES))
        }),
        case("a flood of lines", &describe(Act::Flood), |refused| {
            *refused == Refused::Describe(PluginError::LogFlood(LOG_BYTES))
        }),
        case("a flood of nothing", &describe(Act::FloodEmpty), |refused| {
            *refused == Refused::Describe(PluginError::LogFlood(LOG_BYTES))
        }),
        case("a line that is not UTF-8", &describe(Act::WriteBadText), |refused| {
            matches!(refused, Refused::Describe(PluginError::Trapped(text)) if text.contains("utf-8"))
        }),
        case("a line outside its memory", &describe(Act::WriteOutside), DESCRIBE_TRAPPED),
        case("settings asked for ever", &describe(Act::AskForEver), |refused| {
            *refused == Refused::Describe(PluginError::TooMuchData(TAKEN_BYTES))
        }),
        case("a name that is not UTF-8", &describe(Act::NameNotUtf8), |refused| {
            matches!(refused, Refused::Describe(PluginError::Trapped(text)) if text.contains("utf-8"))
        }),
        case("a name of four gigabytes", &describe(Act::EndlessName), DESCRIBE_TRAPPED),
        case("an answer outside its memory", &describe(Act::Return(-8)), DESCRIBE_TRAPPED),
        case("an answer at a crooked address", &describe(Act::Return(17)), DESCRIBE_TRAPPED),
        case("settings loop", &doing("check-settings", Act::Loop), |refused| {
            *refused == Refused::CheckSettings(PluginError::OutOfFuel(FUEL))
        }),
        case(
            "settings are wrong in no words at all",
            &doing("check-settings", Act::ErrorNotUtf8),
            |refused| matches!(refused, Refused::CheckSettings(PluginError::Trapped(_))),
        ),
    ])
    .await;
}

/// The ids of a section of core modules and of one of core instances.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;

#[tokio::test]
async fn what_consists_of_too_much_is_refused() {
    let honest = policy().cook();
    let sized = |tables: Vec<u64>, memory_pages| Recipe {
        tables,
        memory_pages,
        ..policy()
    };
    let parts: fn(&Refused) -> bool = |refused| matches!(refused, Refused::TooManyParts(_));
    let module = wasm_encoder::Module::new().finish();
    // How many, and then each: an instance of module 0, with nothing given to it.
    let instances = |how_many: [u8; 2], count| {
        let each = [0, 0, 0].repeat(count);
        let sections = [
            (CORE_MODULE, module.clone()),
            (CORE_INSTANCE, [how_many.to_vec(), each].concat()),
        ];
        with_sections(&honest, &sections)
    };
    refuse(vec![
        case("memory of four GiB", &sized(vec![], 65_536), parts),
        case(
            "a table of four thousand million",
            &sized(vec![u64::from(u32::MAX)], 8),
            |refused| matches!(refused, Refused::TooManyParts(_) | Refused::Malformed(_)),
        ),
        case("a table of ten million", &sized(vec![10_000_000], 8), parts),
        case("seventeen tables", &sized(vec![1; 17], 8), parts),
        raw(
            "a thousand core instances",
            instances([0xe8, 0x07], 1_000),
            |refused| matches!(refused, Refused::Malformed(_)),
        ),
    ])
    .await;
}
