//! From the operator's configuration to each part's own options.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::exit::Usage;
use crate::config::{PluginLimits, Protocol, Role, Settings, Spread, Stop, WorldLimits};
use crate::machine::{CpuAccelerator, CpuOptions};
use crate::plugin::builtin::{self, BuiltIn};
use crate::plugin::{self, Adjusted, CompileLimits, Limits, LimitsByPlugin};
use crate::role::validator;
use crate::role::validator::probing::ProbeOptions;
use crate::ssh::SshOptions;
use crate::store::LedgerRetention;
use crate::subnet::Netuid;
use crate::subnet::accelerator::Accelerator;
use crate::subnet::address::AddressPolicy;
use crate::subnet::plugin::World;
use crate::synapse::{self, AxonOptions, DendriteOptions};

/// What a role runs before anybody swapped anything: on a miner its solver and the
/// adapters that its operator named, since those may spend money.
pub(super) fn builtins(
    role: Role,
    settings: &Settings,
) -> anyhow::Result<(Vec<BuiltIn>, Vec<World>)> {
    Ok(match role {
        Role::Miner => {
            let named = settings.miner.providers.iter();
            let adapters = named.map(|name| provider(name));
            let mut builtins = adapters.collect::<anyhow::Result<Vec<_>>>()?;
            builtins.push(builtin::solver_matmul());
            let worlds = vec![World::ChallengeSolver, World::ProviderAdapter];
            (builtins, worlds)
        }
        Role::Validator => (
            vec![builtin::score_compute(), builtin::challenge_matmul()],
            vec![World::ScoringPolicy, World::ChallengeGenerator],
        ),
    })
}

/// The built-in adapter of that name.
fn provider(name: &str) -> anyhow::Result<BuiltIn> {
    let all = builtin::providers();
    let known: Vec<String> = all.iter().map(|b| b.name.to_string()).collect();
    let found = all.into_iter().find(|built_in| built_in.name == name);
    found.ok_or_else(|| {
        let text = format!(
            "`miner.providers` names `{name}`; built in are {}; others come with `host plugin swap`",
            known.join(", ")
        );
        Usage(text).into()
    })
}

/// This machine's processor.
pub(crate) fn accelerator(settings: &Settings) -> anyhow::Result<Arc<dyn Accelerator>> {
    let wanted = &settings.accelerator;
    let options = CpuOptions {
        threads: wanted.threads,
        duty_permille: wanted.duty_permille,
        memory_mib_max: wanted.memory_mib_max,
        budget_gops: wanted.job_gops_max,
    };
    Ok(Arc::new(CpuAccelerator::new(&options)?))
}

/// How long rentals that are over stay in the ledger.
pub(super) fn ledger_retention(settings: &Settings) -> LedgerRetention {
    LedgerRetention {
        over_age_s_max: settings.renters.keep_ended.as_secs(),
        ..LedgerRetention::default()
    }
}

/// What plugins may take.
pub(super) fn limits(settings: &Settings) -> Limits {
    let engine = &settings.engine;
    let mut limits = Limits {
        component_bytes_max: engine.component_mib_max << 20,
        admission_ms_max: millis(engine.admission_timeout),
        compile: CompileLimits {
            wall_ms_max: millis(engine.compile_timeout),
            cpu_s_max: engine.compile_cpu_s_max,
            memory_bytes_max: engine.compile_memory_mib_max << 20,
            cache_bytes_max: engine.cache_mib_max << 20,
            ..CompileLimits::default()
        },
        sessions_max: engine.sessions_max,
        ..Limits::default()
    };
    if let Some(threads) = engine.deterministic_threads {
        limits.deterministic_threads = threads;
    }
    if let Some(threads) = engine.effectful_threads {
        limits.effectful_threads = threads;
    }
    if let Some(threads) = engine.provider_threads {
        limits.provider_threads = threads;
    }
    limits.failures_max = engine.failures_max;
    limits.ceiling = plugin::WorldLimits {
        memory_bytes_max: engine.ceiling.memory_mib_max << 20,
        fuel_max: engine.ceiling.fuel_max,
        run_ms_max: millis(engine.ceiling.run_timeout),
        wall_ms_max: millis(engine.ceiling.wall_timeout),
        log_bytes_max: engine.ceiling.log_kib_max << 10,
        waiting_max: engine.ceiling.waiting_max,
        ..limits.ceiling
    };
    world(&mut limits.policy, &engine.policy);
    world(&mut limits.generator, &engine.generator);
    world(&mut limits.solver, &engine.solver);
    world(&mut limits.provider, &engine.provider);
    limits
}

fn world(limits: &mut plugin::WorldLimits, wanted: &WorldLimits) {
    limits.memory_bytes_max = wanted.memory_mib_max << 20;
    limits.wall_ms_max = millis(wanted.wall_timeout);
    limits.log_bytes_max = wanted.log_kib_max << 10;
    limits.waiting_max = wanted.waiting_max;
    match wanted.stop {
        Stop::Fuel(fuel) => limits.fuel_max = fuel,
        Stop::Run(time) => limits.run_ms_max = millis(time),
    }
}

/// What one plugin may take, where that is not what its world's may.
pub(super) fn limits_by_plugin(settings: &Settings) -> LimitsByPlugin {
    let limits = settings.plugins.limits.iter();
    limits
        .map(|(name, limits)| (name.clone(), adjusted(limits)))
        .collect()
}

fn adjusted(limits: &PluginLimits) -> Adjusted {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Adjusted {
        memory_bytes_max: limits.memory_mib_max.map(|mib| mib << 20),
        fuel_max: limits.fuel_max,
        run_ms_max: limits.run_timeout_ms,
        wall_ms_max: limits.wall_timeout_ms,
        log_bytes_max: limits.log_kib_max.map(|kib| size(kib) << 10),
        waiting_max: limits.waiting_max.map(size),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What strangers may take of the axon.
pub(super) fn axon(settings: &Settings) -> AxonOptions {
    let axon = &settings.axon;
    let protocol = |protocol: &Protocol| match protocol {
        Protocol::Btauth => synapse::Protocol::Btauth,
        Protocol::Classic => synapse::Protocol::Classic,
    };
    AxonOptions {
        protocols: axon.protocols.iter().map(protocol).collect(),
        head_bytes_max: axon.head_kib_max << 10,
        synapse_bytes_max: axon.synapse_kib_max << 10,
        connections_max: axon.connections_max,
        connections_per_address_max: axon.connections_per_address_max,
        head_time: axon.head_timeout,
        body_time: axon.body_timeout,
        requests_per_second: axon.requests_per_second,
        pending_max: axon.pending_max,
        drain_time: settings.shutdown.drain,
        ..AxonOptions::default()
    }
}

/// Where the chain may send this node: anywhere on a development chain, since
/// that is on this machine.
fn addresses(settings: &Settings, development: bool) -> AddressPolicy {
    if settings.peers.allow_private || development {
        AddressPolicy::AllowPrivate
    } else {
        AddressPolicy::PublicOnly
    }
}

/// How other neurons are called.
pub(super) fn dendrite(settings: &Settings, development: bool) -> DendriteOptions {
    DendriteOptions {
        addresses: addresses(settings, development),
        ..DendriteOptions::default()
    }
}

/// Between two looks at a rental that is not running yet.
const RENTAL_POLL: Duration = Duration::from_secs(2);

/// How machines are looked into, and how many; none if they are not to be.
pub(super) fn probe(settings: &Settings, development: bool) -> Option<(SshOptions, ProbeOptions)> {
    let wanted = settings.probe.as_ref()?;
    let ssh = SshOptions {
        addresses: addresses(settings, development),
        whole_time: wanted.visit_timeout,
        ..SshOptions::default()
    };
    let probe = ProbeOptions {
        machines_per_epoch: wanted.machines_per_epoch,
        machines_at_once: wanted.machines_at_once,
        rental: wanted.rental,
        ready: wanted.ready_timeout,
        poll: RENTAL_POLL,
        price_micro_usd_per_hour_max: wanted.price_micro_usd_per_hour_max,
        epoch_micro_usd_max: wanted.epoch_micro_usd_max,
        day_micro_usd_max: wanted.day_micro_usd_max,
        void_permille: settings.validator.void_permille,
    };
    Some((ssh, probe))
}

/// What a validator is told.
pub(super) fn validator(settings: &Settings, netuid: Netuid) -> validator::ValidatorOptions {
    let wanted = &settings.validator;
    validator::ValidatorOptions {
        netuid,
        register_limit_rao: settings.register_limit_rao,
        sync_blocks: settings.sync_blocks,
        survey_blocks: wanted.survey_blocks,
        challenge_blocks: wanted.challenge_blocks,
        turn_blocks: wanted.turn_blocks,
        lead_blocks: wanted.lead_blocks,
        sessions_at_once: wanted.sessions_at_once,
        verify_at_once: wanted.verify_at_once,
        surveys_at_once: wanted.surveys_at_once,
        void_permille: wanted.void_permille,
        spread: match wanted.spread {
            Spread::Together => validator::Spread::Together,
            Spread::InTurn => validator::Spread::InTurn,
        },
    }
}
