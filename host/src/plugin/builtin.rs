//! The components this binary carries; `build.rs` builds them.

use std::borrow::Cow;

use super::admission;
use crate::subnet::plugin::{Digest, World};

/// A component that needs no approval: it came with the binary.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// As it describes itself.
    pub name: Cow<'static, str>,
    /// What kind.
    pub world: World,
    /// The component.
    pub bytes: Cow<'static, [u8]>,
}

impl BuiltIn {
    /// Of its bytes.
    pub fn digest(&self) -> Digest {
        admission::digest(&self.bytes)
    }
}

macro_rules! built_in {
    ($name:literal, $world:expr, $file:literal) => {
        BuiltIn {
            name: Cow::Borrowed($name),
            world: $world,
            bytes: Cow::Borrowed(include_bytes!(concat!(env!("OUT_DIR"), "/", $file))),
        }
    };
}

/// Pays for proven throughput: the policy a validator starts with.
pub fn score_compute() -> BuiltIn {
    built_in!("score-compute", World::ScoringPolicy, "score_compute.wasm")
}

/// Pays everybody who passes alike: the other policy, to swap to.
pub fn score_level() -> BuiltIn {
    built_in!("score-level", World::ScoringPolicy, "score_level.wasm")
}

/// Asks for exact matrix products.
pub fn challenge_matmul() -> BuiltIn {
    built_in!(
        "challenge-matmul",
        World::ChallengeGenerator,
        "challenge_matmul.wasm"
    )
}

/// Answers with exact matrix products.
pub fn solver_matmul() -> BuiltIn {
    built_in!(
        "solver-matmul",
        World::ChallengeSolver,
        "solver_matmul.wasm"
    )
}

/// Rents machines from Amazon EC2.
pub fn provider_aws() -> BuiltIn {
    built_in!("provider-aws", World::ProviderAdapter, "provider_aws.wasm")
}

/// Rents pods from Runpod.
pub fn provider_runpod() -> BuiltIn {
    built_in!(
        "provider-runpod",
        World::ProviderAdapter,
        "provider_runpod.wasm"
    )
}

/// Rents machines from Lambda.
pub fn provider_lambda() -> BuiltIn {
    built_in!(
        "provider-lambda",
        World::ProviderAdapter,
        "provider_lambda.wasm"
    )
}

/// Rents out the machine the node runs on.
pub fn provider_local() -> BuiltIn {
    built_in!(
        "provider-local",
        World::ProviderAdapter,
        "provider_local.wasm"
    )
}

/// The provider adapters: each runs only where `miner.providers` names it.
pub fn providers() -> Vec<BuiltIn> {
    vec![
        provider_aws(),
        provider_runpod(),
        provider_lambda(),
        provider_local(),
    ]
}

/// Everything the binary carries.
pub fn all() -> Vec<BuiltIn> {
    let mut all = vec![
        score_compute(),
        score_level(),
        challenge_matmul(),
        solver_matmul(),
    ];
    all.extend(providers());
    all
}

/// The built-in of that name.
pub fn by_name(name: &str) -> Option<BuiltIn> {
    all().into_iter().find(|built_in| built_in.name == name)
}
