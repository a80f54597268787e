//! What there is to rent: one part, two, four, and so on up to the whole.

use crate::bindings::{
    compute::subnet::{
        machine::Share,
        types::{Gpu, Hardware, Label},
    },
    exports::compute::subnet::provider::{Offer, Query},
};
use crate::settings::Settings;

/// The label that says how many of how many parts an offer is: the node's price for
/// the whole machine is divided by it.
const SHARE: &str = "share";
/// What an order may ask for less of than it is offered.
const CPU_THREADS: &str = "cpu-threads";
const MEMORY_MIB: &str = "memory-mib";

/// The offers that what is free has room for.
pub(crate) fn all(settings: &Settings, all: &Hardware, free: &Share) -> Vec<Offer> {
    sizes(settings)
        .filter(|parts| fits(&share(settings, all, *parts), free))
        .map(|parts| offer(settings, all, parts))
        .collect()
}

fn sizes(settings: &Settings) -> impl Iterator<Item = u64> + use<> {
    let whole = settings.parts;
    let doubling = std::iter::successors(Some(1_u64), |parts| parts.checked_mul(2));
    doubling
        .take_while(move |parts| *parts < whole)
        .chain([whole])
}

fn fits(share: &Share, free: &Share) -> bool {
    share.cpu_threads > 0
        && share.memory_mib > 0
        && share.disk_mib > 0
        && share.gpu_count <= free.gpu_count
        && share.cpu_threads <= free.cpu_threads
        && share.memory_mib <= free.memory_mib
        && share.disk_mib <= free.disk_mib
}

fn offer(settings: &Settings, all: &Hardware, parts: u64) -> Offer {
    Offer {
        id: id(settings, parts),
        hardware: hardware(all, &share(settings, all, parts)),
        region: settings.region.clone(),
        price_micro_usd_per_hour: settings.price(parts),
        interruptible: false,
        labels: vec![Label {
            name: SHARE.to_owned(),
            value: format!("{parts}/{}", settings.parts),
        }],
    }
}

fn id(settings: &Settings, parts: u64) -> String {
    format!("{parts}-of-{}", settings.parts)
}

/// How many parts an offer is; `None` for one that is not made (any more).
pub(crate) fn parts(settings: &Settings, offer_id: &str) -> Option<u64> {
    sizes(settings).find(|parts| id(settings, *parts) == offer_id)
}

/// So many parts of the machine, rounded down.
pub(crate) fn share(settings: &Settings, all: &Hardware, parts: u64) -> Share {
    let of = |total: u64| total.saturating_mul(parts) / settings.parts;
    let whole = |total: u32| u32::try_from(of(u64::from(total))).unwrap_or(u32::MAX);
    let gpus = all
        .gpus
        .iter()
        .map(|gpu| gpu.count)
        .fold(0, u32::saturating_add);
    Share {
        gpu_count: whole(gpus),
        cpu_threads: whole(all.cpu_threads),
        memory_mib: of(all.memory_mib),
        disk_mib: of(all.disk_mib),
    }
}

/// What is left of `offered` where an order asks for less; `Err` where it asks for
/// more, or for what is no number.
pub(crate) fn ordered(offered: Share, disk_mib: u64, labels: &[Label]) -> Result<Share, String> {
    let wanted = |name: &str, most: u64| -> Result<u64, String> {
        let Some(label) = labels.iter().find(|label| label.name == name) else {
            return Ok(most);
        };
        let asked = label.value.parse::<u64>().ok();
        asked
            .filter(|asked| *asked <= most)
            .ok_or_else(|| format!("it has {most} of {name}, and {:?} are wanted", label.value))
    };
    let threads = wanted(CPU_THREADS, u64::from(offered.cpu_threads))?;
    if disk_mib > offered.disk_mib {
        return Err(format!(
            "it has {} MiB of disk, and {disk_mib} are wanted",
            offered.disk_mib
        ));
    }
    Ok(Share {
        cpu_threads: u32::try_from(threads).unwrap_or(offered.cpu_threads),
        memory_mib: wanted(MEMORY_MIB, offered.memory_mib)?,
        disk_mib: match disk_mib {
            0 => offered.disk_mib,
            asked => asked,
        },
        ..offered
    })
}

/// What a share of the machine is made of. Which cards of several models it gets
/// shows when it runs: the first are told.
pub(crate) fn hardware(all: &Hardware, share: &Share) -> Hardware {
    let mut left = share.gpu_count;
    let gpus = all.gpus.iter().map(|gpu| {
        let count = gpu.count.min(left);
        left -= count;
        Gpu {
            model: gpu.model.clone(),
            count,
            memory_mib: gpu.memory_mib,
            uuids: Vec::new(),
        }
    });
    Hardware {
        gpus: gpus.filter(|gpu| gpu.count > 0).collect(),
        cpu_model: all.cpu_model.clone(),
        cpu_threads: share.cpu_threads,
        memory_mib: share.memory_mib,
        disk_mib: share.disk_mib,
        labels: all.labels.clone(),
    }
}

pub(crate) fn is_asked_for(offer: &Offer, query: &Query) -> bool {
    let gpus = &offer.hardware.gpus;
    let model = query.gpu_model.as_ref().map(|model| model.to_lowercase());
    let is_model = |gpu: &&Gpu| {
        let named = model
            .as_ref()
            .is_none_or(|model| gpu.model.to_lowercase().contains(model));
        named
            && query
                .gpu_memory_mib
                .is_none_or(|least| gpu.memory_mib >= least)
    };
    let matching = gpus
        .iter()
        .filter(is_model)
        .map(|gpu| gpu.count)
        .fold(0, u32::saturating_add);
    let wants_gpu = query.gpu_model.is_some() || query.gpu_memory_mib.is_some();
    let least = query.gpu_count.unwrap_or(u32::from(wants_gpu));
    let labels = &offer.hardware.labels;
    matching >= least
        && query
            .region
            .as_ref()
            .is_none_or(|region| *region == offer.region)
        && query
            .price_micro_usd_per_hour_max
            .is_none_or(|most| offer.price_micro_usd_per_hour <= most)
        && query.labels.iter().all(|wanted| {
            labels
                .iter()
                .any(|label| label.name == wanted.name && label.value == wanted.value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(parts: u64) -> Settings {
        Settings {
            whole_micro_usd_per_hour: 800,
            parts,
            region: "local".to_owned(),
        }
    }

    fn machine(gpus: u32) -> Hardware {
        Hardware {
            gpus: vec![Gpu {
                model: "NVIDIA H200".to_owned(),
                count: gpus,
                memory_mib: 143_771,
                uuids: Vec::new(),
            }],
            cpu_model: "a processor".to_owned(),
            cpu_threads: 16,
            memory_mib: 1_001,
            disk_mib: 2_000,
            labels: Vec::new(),
        }
    }

    fn ids(offers: &[Offer]) -> Vec<&str> {
        offers.iter().map(|offer| offer.id.as_str()).collect()
    }

    #[test]
    fn parts_double_up_to_the_whole_and_only_those_with_room_are_offered() {
        let (settings, all) = (settings(6), machine(0));
        let free = share(&settings, &all, 6);
        assert_eq!(
            ids(&super::all(&settings, &all, &free)),
            ["1-of-6", "2-of-6", "4-of-6", "6-of-6"]
        );
        let free = share(&settings, &all, 3);
        assert_eq!(
            ids(&super::all(&settings, &all, &free)),
            ["1-of-6", "2-of-6"]
        );
        assert_eq!(parts(&settings, "4-of-6"), Some(4));
        assert_eq!(parts(&settings, "4-of-8"), None);
        assert_eq!(parts(&settings, "3-of-6"), None);
    }

    #[test]
    fn parts_of_everything_are_never_more_than_everything() {
        let (settings, all) = (settings(3), machine(2));
        let part = share(&settings, &all, 1);
        assert_eq!(
            (part.cpu_threads, part.memory_mib, part.gpu_count),
            (5, 333, 0)
        );
        assert_eq!(hardware(&all, &share(&settings, &all, 3)).gpus.len(), 1);
        assert!(hardware(&all, &part).gpus.is_empty());
    }

    #[test]
    fn what_is_ordered_is_what_is_given_and_never_more_than_is_offered() {
        let (settings, all) = (settings(2), machine(2));
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let given = |disk_mib, labels: &[Label]| {
            let share = ordered(share(&settings, &all, 1), disk_mib, labels)?;
            Ok::<_, String>((
                share.gpu_count,
                share.cpu_threads,
                share.memory_mib,
                share.disk_mib,
            ))
        };
        assert_eq!(given(0, &[]), Ok((1, 8, 500, 1_000)));
        let wanted = [label(CPU_THREADS, "3"), label(MEMORY_MIB, "64")];
        assert_eq!(given(100, &wanted), Ok((1, 3, 64, 100)));
        assert!(given(1_001, &[]).is_err());
        for bad in [
            label(CPU_THREADS, "9"),
            label(MEMORY_MIB, "501"),
            label(MEMORY_MIB, "-1"),
            label(CPU_THREADS, "18446744073709551616"),
        ] {
            assert!(
                given(0, std::slice::from_ref(&bad)).is_err(),
                "{}",
                bad.value
            );
        }
    }

    #[test]
    fn an_offer_says_which_part_it_is() {
        let (settings, all) = (settings(6), machine(0));
        let offers = super::all(&settings, &all, &share(&settings, &all, 6));
        let said = |offer: &Offer| offer.labels[0].value.clone();
        let said: Vec<_> = offers.iter().map(said).collect();
        assert_eq!(said, ["1/6", "2/6", "4/6", "6/6"]);
    }

    #[test]
    fn a_query_is_answered_with_what_it_asks_for() {
        let (settings, all) = (settings(2), machine(2));
        let offers = super::all(&settings, &all, &share(&settings, &all, 2));
        let asked = |query: Query| -> Vec<String> {
            let asked = offers.iter().filter(|offer| is_asked_for(offer, &query));
            asked.map(|offer| offer.id.clone()).collect()
        };
        let any = || Query {
            gpu_model: None,
            gpu_count: None,
            gpu_memory_mib: None,
            region: None,
            price_micro_usd_per_hour_max: None,
            labels: Vec::new(),
        };
        assert_eq!(asked(any()).len(), 2);
        assert_eq!(
            asked(Query {
                gpu_model: Some("h200".to_owned()),
                gpu_count: Some(2),
                ..any()
            }),
            ["2-of-2"]
        );
        assert!(
            asked(Query {
                gpu_model: Some("A100".to_owned()),
                ..any()
            })
            .is_empty()
        );
        assert!(
            asked(Query {
                gpu_memory_mib: Some(143_772),
                ..any()
            })
            .is_empty()
        );
        assert_eq!(
            asked(Query {
                price_micro_usd_per_hour_max: Some(400),
                ..any()
            }),
            ["1-of-2"]
        );
        assert!(
            asked(Query {
                region: Some("eu".to_owned()),
                ..any()
            })
            .is_empty()
        );
    }
}
