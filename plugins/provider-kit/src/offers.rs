//! Which offers answer a query.

use crate::{Offer, Query};

/// The most offers that a host takes from one adapter.
pub const OFFERS_MAX: usize = 4_096;

/// Those that match, the cheapest first, no more than the host takes.
#[must_use]
pub fn answer(query: &Query, mut offers: Vec<Offer>) -> Vec<Offer> {
    offers.retain(|offer| matches(query, offer));
    offers.sort_by(|a, b| {
        let price = a.price_micro_usd_per_hour.cmp(&b.price_micro_usd_per_hour);
        price.then_with(|| a.id.cmp(&b.id))
    });
    offers.truncate(OFFERS_MAX);
    offers
}

/// An absent field matches anything; a model matches in part, whatever its case.
fn matches(query: &Query, offer: &Offer) -> bool {
    let gpus = &offer.hardware.gpus;
    let count: u32 = gpus.iter().map(|gpu| gpu.count).sum();
    let model = query.gpu_model.as_ref().map(|model| model.to_lowercase());
    let has_model = |model: &String| {
        let mut models = gpus.iter().map(|gpu| gpu.model.to_lowercase());
        models.any(|own| own.contains(model.as_str()))
    };
    let memory_mib = gpus.iter().map(|gpu| gpu.memory_mib).min().unwrap_or(0);
    let price = offer.price_micro_usd_per_hour;
    model.as_ref().is_none_or(has_model)
        && query.gpu_count.is_none_or(|wanted| count >= wanted)
        && query
            .gpu_memory_mib
            .is_none_or(|wanted| memory_mib >= wanted)
        && query
            .region
            .as_ref()
            .is_none_or(|region| *region == offer.region)
        && query
            .price_micro_usd_per_hour_max
            .is_none_or(|max| price <= max)
        && query
            .labels
            .iter()
            .all(|label| offer.labels.contains(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::any;
    use crate::{Gpu, Hardware, Label};

    fn offer(id: &str, price: u64) -> Offer {
        let gpu = Gpu {
            model: "NVIDIA A10G".into(),
            count: 2,
            memory_mib: 24_576,
            uuids: vec![],
        };
        Offer {
            id: id.into(),
            hardware: Hardware {
                gpus: vec![gpu],
                cpu_model: String::new(),
                cpu_threads: 8,
                memory_mib: 32_768,
                disk_mib: 102_400,
                labels: vec![],
            },
            region: "us-east-1".into(),
            price_micro_usd_per_hour: price,
            interruptible: false,
            labels: vec![Label {
                name: "zone".into(),
                value: "a".into(),
            }],
        }
    }

    #[test]
    fn the_cheapest_comes_first_and_nothing_is_left_out() {
        let ids: Vec<_> = answer(&any(), vec![offer("b", 2), offer("a", 2), offer("c", 1)])
            .into_iter()
            .map(|offer| offer.id)
            .collect();
        assert_eq!(ids, ["c", "a", "b"]);
    }

    #[test]
    fn every_field_of_a_query_excludes() {
        let zone = |value: &str| {
            vec![Label {
                name: "zone".into(),
                value: value.into(),
            }]
        };
        let good = [
            Query {
                gpu_model: Some("a10".into()),
                ..any()
            },
            Query {
                gpu_count: Some(2),
                ..any()
            },
            Query {
                gpu_memory_mib: Some(24_576),
                ..any()
            },
            Query {
                region: Some("us-east-1".into()),
                ..any()
            },
            Query {
                price_micro_usd_per_hour_max: Some(5),
                ..any()
            },
            Query {
                labels: zone("a"),
                ..any()
            },
        ];
        let bad = [
            Query {
                gpu_model: Some("h100".into()),
                ..any()
            },
            Query {
                gpu_count: Some(3),
                ..any()
            },
            Query {
                gpu_memory_mib: Some(24_577),
                ..any()
            },
            Query {
                region: Some("us-east".into()),
                ..any()
            },
            Query {
                price_micro_usd_per_hour_max: Some(4),
                ..any()
            },
            Query {
                labels: zone("b"),
                ..any()
            },
        ];
        assert!(good.iter().all(|query| matches(query, &offer("a", 5))));
        assert!(!bad.iter().any(|query| matches(query, &offer("a", 5))));
    }

    #[test]
    fn no_more_come_back_than_the_host_takes() {
        let many = vec![offer("a", 1); OFFERS_MAX + 1];
        assert_eq!(answer(&any(), many).len(), OFFERS_MAX);
    }
}
