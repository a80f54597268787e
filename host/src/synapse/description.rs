//! Holds a miner's description to a size: strangers write it, policies read it.
//!
//! Machines whose ids name nothing are the reader's to leave out: the rest of what
//! a miner says is not worse for them.

use crate::subnet::hardware::{Hardware, Label, Metric};
use crate::subnet::scoring::OfferedMachine;
use crate::subnet::wire::{Description, MACHINES_MAX};

use super::route::is_name;

/// A description as JSON, in bytes.
pub(super) const DESCRIPTION_BYTES_MAX: usize = 256 << 10;
/// A name or a model, in bytes.
const WORD_BYTES_MAX: usize = 128;
/// A label's value, in bytes.
const VALUE_BYTES_MAX: usize = 512;
/// Labels or metrics in one place, groups of cards in one machine, solvers.
pub(super) const LIST_MAX: usize = 64;
/// Cards of one model whose ids are given.
const UUIDS_MAX: usize = 256;
const PERMILLE_MAX: u16 = 1000;

/// `Err` says which part is too much.
pub(super) fn check(description: &Description) -> Result<(), &'static str> {
    hold(
        description.machines.len() <= MACHINES_MAX,
        "too many machines",
    )?;
    word(&description.software)?;
    list(description.solvers.len())?;
    let solvers = description.solvers.iter();
    hold(
        solvers.clone().all(|s| is_name(s)),
        "a solver's name is none",
    )?;
    metrics(&description.metrics)?;
    description.machines.iter().try_for_each(check_machine)
}

fn check_machine(machine: &OfferedMachine) -> Result<(), &'static str> {
    hold(
        machine.rented_permille <= PERMILLE_MAX,
        "a machine is rented for more than all of the time",
    )?;
    labels(&machine.labels)?;
    check_hardware(&machine.claimed)
}

pub(super) fn check_hardware(hardware: &Hardware) -> Result<(), &'static str> {
    word(&hardware.cpu_model)?;
    labels(&hardware.labels)?;
    list(hardware.gpus.len())?;
    for gpu in &hardware.gpus {
        word(&gpu.model)?;
        hold(gpu.uuids.len() <= UUIDS_MAX, "too many ids of cards")?;
        gpu.uuids.iter().try_for_each(|uuid| word(uuid))?;
    }
    Ok(())
}

pub(super) fn labels(labels: &[Label]) -> Result<(), &'static str> {
    list(labels.len())?;
    labels.iter().try_for_each(|label| {
        word(&label.name)?;
        hold(label.value.len() <= VALUE_BYTES_MAX, "a label is too long")
    })
}

fn metrics(metrics: &[Metric]) -> Result<(), &'static str> {
    list(metrics.len())?;
    metrics.iter().try_for_each(|metric| word(&metric.name))
}

pub(super) fn list(len: usize) -> Result<(), &'static str> {
    hold(len <= LIST_MAX, "a list is too long")
}

pub(super) fn word(text: &str) -> Result<(), &'static str> {
    hold(text.len() <= WORD_BYTES_MAX, "a name is too long")
}

pub(super) fn hold(kept: bool, broken: &'static str) -> Result<(), &'static str> {
    if kept { Ok(()) } else { Err(broken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(id: &str) -> OfferedMachine {
        OfferedMachine {
            id: id.to_owned(),
            claimed: Hardware::default(),
            price_micro_usd_per_hour: 0,
            rented_permille: 0,
            labels: Vec::new(),
        }
    }

    fn of(machines: Vec<OfferedMachine>) -> Description {
        Description {
            machines,
            ..Description::default()
        }
    }

    #[test]
    fn a_plain_description_is_taken() {
        assert_eq!(check(&of(vec![machine(""), machine("pod-1")])), Ok(()));
    }

    #[test]
    fn ids_that_name_nothing_do_not_spoil_the_rest() {
        let long = "x".repeat(WORD_BYTES_MAX + 1);
        let odd = of(vec![machine("a"), machine("a"), machine(&long)]);
        assert_eq!(check(&odd), Ok(()));
    }

    #[test]
    fn each_excess_is_named() {
        let many = (0..=MACHINES_MAX).map(|n| machine(&n.to_string()));
        assert_eq!(check(&of(many.collect())), Err("too many machines"));
        let mut long = machine("a");
        long.claimed.cpu_model = "x".repeat(WORD_BYTES_MAX + 1);
        assert_eq!(check(&of(vec![long])), Err("a name is too long"));
        let mut rented = machine("");
        rented.rented_permille = 1001;
        assert!(check(&of(vec![rented])).is_err());
        let solvers = Description {
            solvers: vec!["Not A Name".to_owned()],
            ..Description::default()
        };
        assert_eq!(check(&solvers), Err("a solver's name is none"));
    }
}
