//! `host plugin run` and `host plugin check`: a component outside of any node.

mod provider;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::Settings;
use crate::plugin::lone::{self, With};
use crate::plugin::{AdmissionError, Engine, admission};
use crate::subnet::challenge::{Exchange, Session};
use crate::subnet::difference::first_difference;
use crate::subnet::plugin::{
    Called, Digest, PluginError, SolverError, SolverSession, World as Kind,
};
use crate::subnet::scoring::Evidence;
use crate::subnet::text::escape;

use super::arguments::NodeArgs;
use super::{World, node, print_json};

/// The largest file of a case.
const CASE_BYTES_MAX: u64 = 256 << 20;

/// Call a component once, without a node, and show what it says and what it costs.
///
/// The case is a JSON file: for a policy {"evidence": ..}, for a generator
/// {"session": .., "transcript": [..]}, for a solver {"session": .., "payloads":
/// [..]}, for a provider adapter {"calls": [..], "http": [..]}, where "http" is
/// what the world outside answers; bytes are hexadecimal. "settings" are its settings; with "expect", the
/// exit code is 1 if the answer is another.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host plugin run hello_policy.wasm --input cases/first.json")]
pub(super) struct Run {
    /// The component, a .wasm file
    file: PathBuf,
    /// The case, a JSON file
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check a component as a node would, and whether it always says the same.
///
/// Shows what it is and imports, and how far it can reach: `pure` depends on its
/// arguments alone, `seeded` asks for chance or time and is given bytes of the
/// arguments and a clock that stands still, `effectful` sees the real ones. A
/// policy or generator is called twice, in instances of their own side by side;
/// one that differs in a bit or a unit of fuel is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin check hello_policy.wasm
  host plugin check hello_policy.wasm --input cases/first.json

Exit code 4 means that a node would refuse it.")]
pub(super) struct Check {
    /// The component, a .wasm file
    file: PathBuf,
    /// What to call it with [default: a policy is given an epoch of no miners]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to call a component with.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    settings: BTreeMap<String, String>,
    evidence: Option<Evidence>,
    session: Option<Value>,
    #[serde(default)]
    transcript: Vec<Exchange>,
    #[serde(default)]
    payloads: Vec<String>,
    #[serde(default)]
    calls: Vec<provider::Call>,
    #[serde(default)]
    http: Vec<provider::Answer>,
    expect: Option<Value>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Outcome {
    result: Value,
    fuel: u64,
    memory_bytes: u64,
}

/// A component and where it runs.
struct Bench {
    engine: Engine,
    bytes: Vec<u8>,
    world: Kind,
    settings: Settings,
}

impl Run {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let bench = Bench::new(&self.file, &self.node, world)?;
        let case = read(&self.input)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let _within = runtime.enter();
        let called = runtime.block_on(bench.call(&case))?;
        let expected = case
            .expect
            .as_ref()
            .map(|expected| as_expected(expected, &called.result));
        let limits = bench.engine.limits().of(bench.world).clone();
        if self.json {
            let shown = serde_json::json!({
                "result": called.result, "fuel": called.fuel, "fuel_max": limits.fuel_max,
                "memory_bytes": called.memory_bytes, "memory_bytes_max": limits.memory_bytes_max,
                "as_expected": expected,
            });
            print_json(world.out, &shown)?;
        } else {
            print_json(world.out, &called.result)?;
            writeln!(
                world.out,
                "fuel {} of {}, memory {} of {} bytes",
                called.fuel, limits.fuel_max, called.memory_bytes, limits.memory_bytes_max
            )?;
        }
        ensure!(expected != Some(false), "this is not what the case expects");
        Ok(())
    }
}

impl Check {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let bench = Bench::new(&self.file, &self.node, world)?;
        let case = match &self.input {
            Some(path) => read(path)?,
            None => Case::of_nobody(bench.world),
        };
        let runtime = tokio::runtime::Runtime::new()?;
        let _within = runtime.enter();
        // Side by side, so that the two have memory of their own.
        let (one, two) =
            runtime.block_on(async { tokio::join!(bench.call(&case), bench.call(&case)) });
        let (one, two) = (one?, two?);
        let imports = lone::shape(&bench.bytes).map_err(refused)?.1;
        let class = class(bench.world, &imports);
        let shown = serde_json::json!({
            "world": bench.world,
            "digest": admission::digest(&bench.bytes),
            "class": class,
            "imports": imports,
            "output": output(&one.result),
            "fuel": one.fuel,
            "memory_bytes": one.memory_bytes,
        });
        match self.json {
            true => print_json(world.out, &shown)?,
            false => super::table::print_object(world.out, &shown)?,
        }
        if class == "effectful" {
            return Ok(());
        }
        match first_difference(&one.result, &two.result) {
            Some(parted) => Err(refused(AdmissionError::unsteady(parted))),
            None if one.fuel != two.fuel => {
                Err(refused(AdmissionError::unsteady_fuel(one.fuel, two.fuel)))
            }
            None => Ok(()),
        }
    }
}

/// An object is what was expected if all that was is in it.
fn as_expected(expected: &Value, result: &Value) -> bool {
    match (expected, result) {
        (Value::Object(expected), Value::Object(result)) => {
            let mut fields = expected.iter();
            fields.all(|(name, value)| result.get(name) == Some(value))
        }
        _ => expected == result,
    }
}

/// SHA-256 of the answer as JSON.
fn output(result: &Value) -> Digest {
    Digest(Sha256::digest(result.to_string().as_bytes()).into())
}

/// How far a component can reach, by what it imports.
fn class(world: Kind, imports: &[String]) -> &'static str {
    let asks = |what: &str| imports.iter().any(|import| import.starts_with(what));
    match world {
        Kind::ChallengeSolver | Kind::ProviderAdapter => "effectful",
        _ if asks("wasi:random") || asks("wasi:clocks") => "seeded",
        Kind::ChallengeGenerator => "seeded",
        Kind::ScoringPolicy => "pure",
    }
}

fn read(path: &Path) -> anyhow::Result<Case> {
    let shown = escape(&path.display().to_string());
    let bytes = std::fs::metadata(path)
        .with_context(|| format!("{shown} cannot be read"))?
        .len();
    ensure!(
        bytes <= CASE_BYTES_MAX,
        "{shown} has more than {CASE_BYTES_MAX} bytes"
    );
    serde_json::from_slice(&std::fs::read(path)?)
        .with_context(|| format!("{shown} is no case; see `host plugin run --help`"))
}

impl Case {
    /// The smallest one that a world allows.
    fn of_nobody(world: Kind) -> Self {
        let evidence = serde_json::json!({
            "epoch": {"netuid": 1, "mechanism": 0, "number": 1, "block": 1,
                      "previous_block": null, "burn_uid": null, "metrics": []},
            "miners": [], "memory": "",
        });
        let nobody = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM";
        let session = match world {
            Kind::ChallengeSolver => serde_json::json!({
                "id": "check", "solver": "", "validator": nobody, "miner": nobody,
            }),
            _ => serde_json::json!({
                "id": "check", "netuid": 1, "validator": nobody, "uid": 1, "hotkey": nobody,
                "machine": "", "block": 1, "claimed": null, "seed": "00".repeat(32), "memory": "",
            }),
        };
        Self {
            evidence: serde_json::from_value(evidence).ok(),
            session: Some(session),
            ..Self::default()
        }
    }
}

impl Bench {
    fn new(file: &Path, node: &NodeArgs, world: &World<'_>) -> anyhow::Result<Self> {
        let settings = world.settings(node)?;
        let engine = node::engine(&settings)?;
        let bytes = super::components::component(file, engine.limits().component_bytes_max)?;
        let (kind, _) = lone::shape(&bytes).map_err(refused)?;
        Ok(Self {
            engine,
            bytes,
            world: kind,
            settings,
        })
    }

    /// Settings of the case, or of the configuration if it has none.
    fn with(&self, case: &Case) -> With {
        match case.settings.is_empty() {
            true => With::Configured(self.settings.plugins.settings.clone()),
            false => With::Table(case.settings.clone()),
        }
    }

    async fn call(&self, case: &Case) -> anyhow::Result<Outcome> {
        match self.world {
            Kind::ScoringPolicy => self.evaluate(case).await,
            Kind::ChallengeGenerator => self.advance(case).await,
            Kind::ChallengeSolver => self.answer(case).await,
            Kind::ProviderAdapter => self.provide(case).await,
        }
    }

    async fn evaluate(&self, case: &Case) -> anyhow::Result<Outcome> {
        let evidence = case
            .evidence
            .as_ref()
            .context("a policy's case has \"evidence\"")?;
        let policy = lone::policy(&self.engine, &self.bytes, self.with(case)).map_err(refused)?;
        outcome(policy.evaluate(evidence).await)
    }

    async fn advance(&self, case: &Case) -> anyhow::Result<Outcome> {
        let session: Session = self.session(case)?;
        let generator =
            lone::generator(&self.engine, &self.bytes, self.with(case)).map_err(refused)?;
        outcome(generator.advance(&session, &case.transcript).await)
    }

    async fn answer(&self, case: &Case) -> anyhow::Result<Outcome> {
        let mut session: SolverSession = self.session(case)?;
        let accelerator = node::accelerator(&self.settings)?;
        let solver = lone::solver(&self.engine, &self.bytes, self.with(case), accelerator)
            .map_err(refused)?;
        if session.solver.is_empty() {
            session.solver = solver.solves().first().cloned().unwrap_or_default();
        }
        let mut open = solver.open(session).await.map_err(failed)?;
        let mut all = Outcome {
            result: Value::Null,
            fuel: 0,
            memory_bytes: 0,
        };
        let mut answers = Vec::new();
        for payload in &case.payloads {
            let payload = hex::decode(payload).context("a payload is hexadecimal")?;
            match open.answer(payload).await {
                Ok(called) => {
                    answers.push(hex::encode(&called.value));
                    all.memory_bytes = all.memory_bytes.max(called.memory_bytes);
                }
                Err(SolverError::Plugin(error)) => return Err(failed(error)),
                Err(said) => answers.push(said.to_string()),
            }
        }
        all.result = serde_json::to_value(answers)?;
        Ok(all)
    }

    fn session<T: serde::de::DeserializeOwned>(&self, case: &Case) -> anyhow::Result<T> {
        let session = case.session.clone();
        let session =
            session.with_context(|| format!("a {}'s case has \"session\"", self.world))?;
        serde_json::from_value(session).context("the case's session does not read")
    }
}

fn outcome<T: Serialize>(called: Result<Called<T>, PluginError>) -> anyhow::Result<Outcome> {
    let called = called.map_err(failed)?;
    Ok(Outcome {
        result: serde_json::to_value(&called.value)?,
        fuel: called.fuel,
        memory_bytes: called.memory_bytes,
    })
}

fn failed(error: PluginError) -> anyhow::Error {
    anyhow!("the component {}", escape(&error.to_string()))
}

/// As a node would refuse it, with the exit code that says so.
fn refused(error: AdmissionError) -> anyhow::Error {
    crate::admin::AdminError::Refused(crate::admin::Refusal {
        reason: error.to_string(),
        remedy: error.remedy(),
    })
    .into()
}
