//! From the subnet's words to the contract's, field by field.

use super::bindings::compute::subnet::types as wit;
use super::bindings::exports::compute::subnet::{challenge, provider, scoring, solver};
use crate::subnet::challenge::{Answer, Exchange, Session, Task};
use crate::subnet::hardware::{Gpu, Hardware, Label, Metric};
use crate::subnet::plugin::SolverSession;
use crate::subnet::provider::{Order, Query};
use crate::subnet::scoring::{Epoch, Finding, Miner, OfferedMachine};

pub(super) fn metrics(metrics: &[Metric]) -> Vec<wit::Metric> {
    metrics
        .iter()
        .map(|metric| wit::Metric {
            name: metric.name.clone(),
            value: metric.value,
        })
        .collect()
}

pub(super) fn labels(labels: &[Label]) -> Vec<wit::Label> {
    labels
        .iter()
        .map(|label| wit::Label {
            name: label.name.clone(),
            value: label.value.clone(),
        })
        .collect()
}

fn gpu(gpu: &Gpu) -> wit::Gpu {
    wit::Gpu {
        model: gpu.model.clone(),
        count: gpu.count,
        memory_mib: gpu.memory_mib,
        uuids: gpu.uuids.clone(),
    }
}

pub(super) fn hardware(hardware: &Hardware) -> wit::Hardware {
    wit::Hardware {
        gpus: hardware.gpus.iter().map(gpu).collect(),
        cpu_model: hardware.cpu_model.clone(),
        cpu_threads: hardware.cpu_threads,
        memory_mib: hardware.memory_mib,
        disk_mib: hardware.disk_mib,
        labels: labels(&hardware.labels),
    }
}

pub(super) fn epoch(epoch: &Epoch) -> scoring::Epoch {
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

fn machine(machine: &OfferedMachine) -> scoring::Machine {
    scoring::Machine {
        id: machine.id.clone(),
        claimed: hardware(&machine.claimed),
        price_micro_usd_per_hour: machine.price_micro_usd_per_hour,
        rented_permille: machine.rented_permille,
        labels: labels(&machine.labels),
    }
}

pub(super) fn miner(miner: &Miner) -> scoring::Miner {
    scoring::Miner {
        uid: miner.uid,
        hotkey: miner.hotkey.to_ss58(),
        coldkey: miner.coldkey.to_ss58(),
        registered_at: miner.registered_at,
        address: miner.address.clone(),
        machines: miner.machines.iter().map(machine).collect(),
        findings: miner.findings.iter().map(finding).collect(),
        availability_permille: miner.availability_permille,
        previous_points: miner.previous_points,
        metrics: metrics(&miner.metrics),
    }
}

pub(super) fn session(session: &Session) -> challenge::Session {
    challenge::Session {
        id: session.id.clone(),
        netuid: session.netuid,
        validator: session.validator.to_ss58(),
        uid: session.uid,
        hotkey: session.hotkey.to_ss58(),
        machine: session.machine.clone(),
        block: session.block,
        claimed: session.claimed.as_ref().map(hardware),
        seed: session.seed.to_vec(),
        memory: session.memory.clone(),
    }
}

pub(super) fn exchange(exchange: &Exchange) -> challenge::Exchange {
    challenge::Exchange {
        task: task(&exchange.task),
        answer: answer(&exchange.answer),
        elapsed_us: exchange.elapsed_us,
    }
}

fn task(task: &Task) -> challenge::Task {
    challenge::Task {
        solver: task.solver.clone(),
        payload: task.payload.clone(),
        timeout_ms: task.timeout_ms,
    }
}

fn answer(answer: &Answer) -> challenge::Answer {
    match answer {
        Answer::Payload(payload) => challenge::Answer::Payload(payload.clone()),
        Answer::TimedOut => challenge::Answer::TimedOut,
        Answer::Refused(why) => challenge::Answer::Refused(why.clone()),
        Answer::Unreachable(why) => challenge::Answer::Unreachable(why.clone()),
        Answer::BrokeProtocol(how) => challenge::Answer::BrokeProtocol(how.clone()),
        Answer::TooLarge => challenge::Answer::TooLarge,
        Answer::Busy(ms) => challenge::Answer::Busy(*ms),
        Answer::Forgotten => challenge::Answer::Forgotten,
    }
}

pub(super) fn solver_session(session: &SolverSession) -> solver::Session {
    solver::Session {
        id: session.id.clone(),
        solver: session.solver.clone(),
        validator: session.validator.to_ss58(),
        miner: session.miner.to_ss58(),
    }
}

pub(super) fn query(query: &Query) -> provider::Query {
    provider::Query {
        gpu_model: query.gpu_model.clone(),
        gpu_count: query.gpu_count,
        gpu_memory_mib: query.gpu_memory_mib,
        region: query.region.clone(),
        price_micro_usd_per_hour_max: query.price_micro_usd_per_hour_max,
        labels: labels(&query.labels),
    }
}

pub(super) fn order(order: &Order) -> provider::Order {
    provider::Order {
        key: order.key.clone(),
        offer_id: order.offer_id.clone(),
        image: order.image.clone(),
        ssh_public_key: order.ssh_public_key.clone(),
        disk_mib: order.disk_mib,
        price_micro_usd_per_hour_max: order.price_micro_usd_per_hour_max,
        ends_at: order.ends_at,
        labels: labels(&order.labels),
    }
}
