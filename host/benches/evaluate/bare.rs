//! The same policy on wasmtime alone: a fresh store and instance for each call, or
//! a warm one; the same engine configuration, or a plain one; WASI as wasmtime
//! provides it, arguments made once, the answer only dropped.

use host::subnet::hardware::{Hardware, Metric};
use host::subnet::scoring::{Evidence, Finding, Miner};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use self::bindings::compute::subnet::{log, settings, types as wit};
use self::bindings::exports::compute::subnet::scoring;

mod bindings {
    #![allow(
        clippy::all,
        clippy::pedantic,
        missing_docs,
        unreachable_pub,
        dead_code
    )]
    wasmtime::component::bindgen!({
        path: "../wit/compute-subnet@0.1.0",
        world: "scoring-policy",
    });
}

const FUEL: u64 = 20_000_000_000;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl wit::Host for State {}

impl settings::Host for State {
    fn get(&mut self, _: String) -> Option<String> {
        None
    }

    fn all(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl log::Host for State {
    fn write(&mut self, _: log::Level, _: String) {}
}

/// How a component is compiled and bounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Fuel is counted, and nothing is left to the machine.
    Deterministic,
    /// As wasmtime does by default.
    Plain,
}

/// An instance that outlives a call.
pub(crate) struct Instance {
    store: Store<State>,
    policy: bindings::ScoringPolicy,
}

pub(crate) struct Policy {
    rules: Rules,
    engine: Engine,
    pre: bindings::ScoringPolicyPre<State>,
    epoch: scoring::Epoch,
    miners: Vec<scoring::Miner>,
}

impl Policy {
    pub(crate) fn new(rules: Rules, bytes: &[u8], evidence: &Evidence) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_stacks(0)
            .linear_memory_keep_resident(1 << 20)
            .total_memories(16)
            .total_component_instances(16)
            .total_core_instances(64)
            .total_tables(64);
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .native_unwind_info(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        if rules == Rules::Deterministic {
            config
                .consume_fuel(true)
                .cranelift_nan_canonicalization(true)
                .wasm_relaxed_simd(false);
        }
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        bindings::ScoringPolicy::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .unwrap();
        let component = Component::from_binary(&engine, bytes).unwrap();
        let pre = linker.instantiate_pre(&component).unwrap();
        Self {
            rules,
            pre: bindings::ScoringPolicyPre::new(pre).unwrap(),
            engine,
            epoch: epoch(evidence),
            miners: evidence.miners.iter().map(miner).collect(),
        }
    }

    pub(crate) fn evaluate(&self) -> scoring::Outcome {
        self.evaluate_in(&mut self.instance())
    }

    pub(crate) fn instance(&self) -> Instance {
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(256 << 20).build(),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        self.refuel(&mut store);
        let policy = self.pre.instantiate(&mut store).unwrap();
        Instance { store, policy }
    }

    pub(crate) fn evaluate_in(&self, instance: &mut Instance) -> scoring::Outcome {
        self.refuel(&mut instance.store);
        instance
            .policy
            .compute_subnet_scoring()
            .call_evaluate(&mut instance.store, &self.epoch, &self.miners, &[])
            .unwrap()
            .unwrap()
    }

    fn refuel(&self, store: &mut Store<State>) {
        if self.rules == Rules::Deterministic {
            store.set_fuel(FUEL).unwrap();
        }
    }
}

fn epoch(evidence: &Evidence) -> scoring::Epoch {
    let epoch = &evidence.epoch;
    scoring::Epoch {
        netuid: epoch.netuid,
        mechanism: epoch.mechanism,
        number: epoch.number,
        block: epoch.block,
        previous_block: epoch.previous_block,
        burn_uid: epoch.burn_uid,
        metrics: metrics(&epoch.metrics),
    }
}

fn miner(miner: &Miner) -> scoring::Miner {
    let machines = miner.machines.iter().map(|machine| scoring::Machine {
        id: machine.id.clone(),
        claimed: hardware(&machine.claimed),
        price_micro_usd_per_hour: machine.price_micro_usd_per_hour,
        rented_permille: machine.rented_permille,
        labels: Vec::new(),
    });
    scoring::Miner {
        uid: miner.uid,
        hotkey: miner.hotkey.to_ss58(),
        coldkey: miner.coldkey.to_ss58(),
        registered_at: miner.registered_at,
        address: miner.address.clone(),
        machines: machines.collect(),
        findings: miner.findings.iter().map(finding).collect(),
        availability_permille: miner.availability_permille,
        previous_points: miner.previous_points,
        metrics: metrics(&miner.metrics),
    }
}

fn finding(finding: &Finding) -> scoring::Finding {
    scoring::Finding {
        challenge: finding.challenge.clone(),
        machine: finding.machine.clone(),
        block: finding.block,
        passed: finding.passed,
        grade_permille: finding.grade_permille,
        proven: finding.proven.as_ref().map(hardware),
        metrics: metrics(&finding.metrics),
    }
}

fn hardware(hardware: &Hardware) -> wit::Hardware {
    wit::Hardware {
        gpus: Vec::new(),
        cpu_model: hardware.cpu_model.clone(),
        cpu_threads: hardware.cpu_threads,
        memory_mib: hardware.memory_mib,
        disk_mib: hardware.disk_mib,
        labels: Vec::new(),
    }
}

fn metrics(metrics: &[Metric]) -> Vec<wit::Metric> {
    let convert = |metric: &Metric| wit::Metric {
        name: metric.name.clone(),
        value: metric.value,
    };
    metrics.iter().map(convert).collect()
}
