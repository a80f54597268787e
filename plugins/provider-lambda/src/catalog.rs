//! What Lambda has now: instance types, and the regions with capacity.

use std::collections::BTreeMap;

use provider_kit::{Failure, Gpu, Hardware, Label, MIB_PER_GIB, Offer, Query, offers::answer};
use serde::Deserialize;

use crate::Lambda;

const MICRO_USD_PER_CENT: u64 = 10_000;

#[derive(Deserialize)]
struct Item {
    instance_type: InstanceType,
    regions_with_capacity_available: Vec<Region>,
}

/// `InstanceType`
#[derive(Deserialize)]
pub(crate) struct InstanceType {
    pub(crate) name: String,
    #[serde(default)]
    gpu_description: String,
    price_cents_per_hour: u64,
    specs: Specs,
}

#[derive(Deserialize)]
struct Specs {
    vcpus: u32,
    memory_gib: u64,
    storage_gib: u64,
    gpus: u32,
}

/// `Region`
#[derive(Deserialize)]
pub(crate) struct Region {
    pub(crate) name: String,
}

impl Lambda<'_> {
    pub(crate) fn offers(&self, query: &Query) -> Result<Vec<Offer>, Failure> {
        Ok(answer(query, self.all()?))
    }

    /// What the offer with this id is now; none if it is there no more.
    pub(crate) fn offer(&self, id: &str) -> Result<Option<Offer>, Failure> {
        Ok(self.all()?.into_iter().find(|offer| offer.id == id))
    }

    fn all(&self) -> Result<Vec<Offer>, Failure> {
        let items: BTreeMap<String, Item> = self.get("/instance-types")?;
        let chosen = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        let mut offers = Vec::new();
        for item in items.into_values() {
            let kind = &item.instance_type;
            if !chosen(&self.settings.instance_types, &kind.name) || kind.price_cents_per_hour == 0
            {
                continue;
            }
            let regions = item.regions_with_capacity_available.iter();
            let regions = regions.filter(|region| chosen(&self.settings.regions, &region.name));
            offers.extend(regions.map(|region| kind.offer(&region.name)));
        }
        Ok(offers)
    }
}

impl InstanceType {
    /// In millionths of a US dollar an hour.
    pub(crate) fn price(&self) -> u64 {
        self.price_cents_per_hour.saturating_mul(MICRO_USD_PER_CENT)
    }

    fn offer(&self, region: &str) -> Offer {
        Offer {
            id: format!("{region}/{}", self.name),
            hardware: self.hardware(),
            region: region.to_owned(),
            price_micro_usd_per_hour: self.price(),
            interruptible: false,
            labels: vec![Label {
                name: "instance-type".to_owned(),
                value: self.name.clone(),
            }],
        }
    }

    pub(crate) fn hardware(&self) -> Hardware {
        let (model, memory_mib) = card(&self.gpu_description);
        let gpu = Gpu {
            model,
            count: self.specs.gpus,
            memory_mib,
            uuids: Vec::new(),
        };
        Hardware {
            gpus: (self.specs.gpus > 0).then_some(gpu).into_iter().collect(),
            cpu_model: String::new(),
            cpu_threads: self.specs.vcpus,
            memory_mib: self.specs.memory_gib.saturating_mul(MIB_PER_GIB),
            disk_mib: self.specs.storage_gib.saturating_mul(MIB_PER_GIB),
            labels: Vec::new(),
        }
    }
}

/// `H100 (80 GB SXM5)` is an `NVIDIA H100 SXM5` with 81,920 MiB.
fn card(description: &str) -> (String, u64) {
    let (name, rest) = description.split_once(" (").unwrap_or((description, ""));
    let rest = rest.trim_end_matches(')');
    let (memory, form) = rest.split_once(" GB").unwrap_or(("", rest));
    let memory_gib: u64 = memory.trim().parse().unwrap_or(0);
    let words = ["NVIDIA", name.trim_start_matches("NVIDIA "), form.trim()];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    (words.join(" "), memory_gib.saturating_mul(MIB_PER_GIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read_from_its_description() {
        assert_eq!(
            card("H100 (80 GB SXM5)"),
            ("NVIDIA H100 SXM5".into(), 81_920)
        );
        assert_eq!(card("GH200 (96 GB)"), ("NVIDIA GH200".into(), 98_304));
        assert_eq!(
            card("Tesla V100 (16 GB)"),
            ("NVIDIA Tesla V100".into(), 16_384)
        );
        assert_eq!(card("B300"), ("NVIDIA B300".into(), 0));
        assert_eq!(card("(("), ("NVIDIA ((".into(), 0));
    }
}
