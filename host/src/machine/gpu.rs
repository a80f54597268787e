//! NVIDIA cards, through the driver's own library where there is one.
//!
//! The library is looked for when the program runs, and again while it is
//! missing: a driver installed later is found. Whatever a card does not tell is
//! left out; a machine without cards, driver or permission has no GPUs, and
//! that is not an error.

use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};

use crate::subnet::hardware::{Gpu, Label};

use super::texts::{clean, label};

/// No machine has more; a driver that says so is not believed.
const CARDS_MAX: u32 = 64;

/// One card as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    model: String,
    memory_mib: u64,
    uuid: Option<String>,
}

/// What the driver says.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) gpus: Vec<Gpu>,
    pub(super) labels: Vec<Label>,
}

/// The driver's library, once it was found.
#[derive(Default)]
pub(super) struct Driver(Option<Nvml>);

impl Driver {
    /// Looks at all cards.
    pub(super) fn look(&mut self) -> Seen {
        if self.0.is_none() {
            self.0 = Nvml::init()
                .inspect_err(|error| tracing::debug!(%error, "no NVIDIA library"))
                .ok();
        }
        self.0.as_ref().map(see).unwrap_or_default()
    }
}

fn see(nvml: &Nvml) -> Seen {
    let count = nvml.device_count().unwrap_or(0).min(CARDS_MAX);
    let cards = (0..count)
        .filter_map(|index| nvml.device_by_index(index).ok())
        .filter_map(|device| card(&device))
        .collect();
    let driver = nvml.sys_driver_version().ok();
    let cuda = nvml.sys_cuda_driver_version().ok().map(cuda_version);
    Seen {
        gpus: group(cards),
        labels: [
            label("nvidia-driver", driver.as_deref()),
            label("cuda", cuda.as_deref()),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn card(device: &Device<'_>) -> Option<Card> {
    Some(Card {
        model: clean(&device.name().ok()?),
        memory_mib: device.memory_info().map_or(0, |memory| memory.total >> 20),
        uuid: device.uuid().ok().map(|uuid| clean(&uuid)),
    })
}

fn cuda_version(version: i32) -> String {
    let (major, minor) = (
        cuda_driver_version_major(version),
        cuda_driver_version_minor(version),
    );
    format!("{major}.{minor}")
}

/// Cards of the same model and memory together, in the order they were met.
fn group(cards: Vec<Card>) -> Vec<Gpu> {
    let mut gpus: Vec<Gpu> = Vec::new();
    for card in cards {
        let known = gpus
            .iter_mut()
            .find(|gpu| gpu.model == card.model && gpu.memory_mib == card.memory_mib);
        match known {
            Some(gpu) => {
                gpu.count += 1;
                gpu.uuids.extend(card.uuid);
            }
            None => gpus.push(Gpu {
                model: card.model,
                count: 1,
                memory_mib: card.memory_mib,
                uuids: card.uuid.into_iter().collect(),
            }),
        }
    }
    // The contract: one for each card, or none where any is unknown.
    for gpu in &mut gpus {
        if u32::try_from(gpu.uuids.len()) != Ok(gpu.count) {
            gpu.uuids.clear();
        }
    }
    gpus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(model: &str, memory_mib: u64, uuid: Option<&str>) -> Card {
        Card {
            model: model.to_owned(),
            memory_mib,
            uuid: uuid.map(str::to_owned),
        }
    }

    #[test]
    fn cards_of_one_model_are_one_entry_with_all_uuids() {
        let gpus = group(vec![
            card("H200", 143_771, Some("GPU-1")),
            card("L4", 23_034, Some("GPU-2")),
            card("H200", 143_771, Some("GPU-3")),
        ]);
        assert_eq!(gpus.len(), 2);
        assert_eq!(gpus[0].count, 2);
        assert_eq!(gpus[0].uuids, ["GPU-1", "GPU-3"]);
        assert_eq!(gpus[1].count, 1);
    }

    #[test]
    fn the_same_name_with_other_memory_is_another_card() {
        let gpus = group(vec![card("A100", 40_960, None), card("A100", 81_920, None)]);
        assert_eq!(gpus.len(), 2);
    }

    #[test]
    fn one_unknown_uuid_leaves_all_out() {
        let gpus = group(vec![card("L4", 1, Some("GPU-1")), card("L4", 1, None)]);
        assert_eq!(gpus[0].count, 2);
        assert!(gpus[0].uuids.is_empty());
    }

    #[test]
    fn a_machine_with_or_without_a_driver_is_looked_at_twice() {
        let mut driver = Driver::default();
        let first = driver.look();
        assert_eq!(first.gpus, driver.look().gpus);
    }

    #[test]
    fn the_drivers_number_reads_as_a_version() {
        assert_eq!(cuda_version(12_080), "12.8");
    }
}
