//! What Runpod has now: cards, their prices, and where they are free.

use provider_kit::{
    Failure, Gpu, Hardware, Label, MIB_PER_GIB, Offer, Query, api::read, money, offers::answer,
    text::percent,
};
use serde::Deserialize;
use serde_json::Number;

use crate::{Runpod, settings::Cloud};

/// What an offer's id says: which card, how many of them, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) gpu: String,
    pub(crate) count: u32,
    /// Empty where Runpod chooses.
    pub(crate) data_center: String,
}

impl Choice {
    /// `NVIDIA L4/1/US-KS-2`; no card has a slash in its id.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}/{}", self.gpu, self.count, self.data_center)
    }

    pub(crate) fn read(id: &str) -> Option<Self> {
        let mut parts = id.split('/');
        let choice = Self {
            gpu: parts.next()?.to_owned(),
            count: parts.next()?.parse().ok()?,
            data_center: parts.next()?.to_owned(),
        };
        (parts.next().is_none() && choice.count > 0 && !choice.gpu.is_empty()).then_some(choice)
    }
}

#[derive(Deserialize)]
struct Catalog {
    gpus: Vec<GpuType>,
}

/// A kind of card, as the catalogue describes it.
#[derive(Deserialize)]
pub(crate) struct GpuType {
    id: String,
    #[serde(default)]
    manufacturer: String,
    /// Gibibytes.
    memory: u64,
    price: ByCloud<Number>,
    #[serde(rename = "maxCount")]
    max_count: ByCloud<u32>,
    #[serde(default)]
    availability: Option<String>,
    #[serde(default, rename = "dataCenters")]
    data_centers: Vec<DataCenter>,
}

#[derive(Deserialize)]
struct ByCloud<T> {
    secure: T,
    community: T,
}

impl<T> ByCloud<T> {
    fn of(&self, cloud: Cloud) -> &T {
        match cloud {
            Cloud::Secure => &self.secure,
            Cloud::Community => &self.community,
        }
    }
}

#[derive(Deserialize)]
struct DataCenter {
    id: String,
    availability: String,
}

impl Runpod<'_> {
    pub(crate) fn offers(&self, query: &Query) -> Result<Vec<Offer>, Failure> {
        let mut offers = Vec::new();
        for count in &self.settings.gpu_counts {
            for gpu in self.catalog(*count)? {
                offers.extend(self.offers_of(&gpu, *count));
            }
        }
        Ok(answer(query, offers))
    }

    /// What the offer with this id is now; none if it is there no more.
    pub(crate) fn offer(&self, choice: &Choice) -> Result<Option<Offer>, Failure> {
        let catalog = self.catalog(choice.count)?;
        let mut offers = catalog
            .iter()
            .flat_map(|gpu| self.offers_of(gpu, choice.count));
        Ok(offers.find(|offer| offer.id == choice.id()))
    }

    fn catalog(&self, count: u32) -> Result<Vec<GpuType>, Failure> {
        let cloud = percent(self.settings.cloud.name());
        let api = self.api();
        let response = api.get(&format!(
            "/v2/catalog/gpus?include=AVAILABILITY&product=POD&count={count}&cloud={cloud}"
        ))?;
        match response.status {
            200 => Ok(read::<Catalog>(&response)?.gpus),
            _ => Err(self.refused(&response)),
        }
    }

    fn offers_of(&self, gpu: &GpuType, count: u32) -> Vec<Offer> {
        let settings = self.settings;
        let chosen = |list: &[String], id: &String| list.is_empty() || list.contains(id);
        if !chosen(&settings.gpu_types, &gpu.id) || *gpu.max_count.of(settings.cloud) < count {
            return Vec::new();
        }
        let Some(price) = money::from_json(gpu.price.of(settings.cloud)).filter(|price| *price > 0)
        else {
            return Vec::new();
        };
        let price = price
            .saturating_mul(count.into())
            .saturating_add(settings.disk_micro_usd_per_hour);
        let centers = gpu.data_centers.iter();
        let centers = centers.filter(|center| chosen(&settings.data_centers, &center.id));
        let mut places: Vec<(&str, &str)> = centers
            .map(|center| (center.id.as_str(), center.availability.as_str()))
            .collect();
        if gpu.data_centers.is_empty() && settings.data_centers.is_empty() {
            places.push(("", gpu.availability.as_deref().unwrap_or("NONE")));
        }
        places.retain(|(_, stock)| *stock != "NONE");
        let offer = |(place, stock): (&str, &str)| self.offer_at(gpu, count, price, place, stock);
        places.into_iter().map(offer).collect()
    }

    fn offer_at(&self, gpu: &GpuType, count: u32, price: u64, place: &str, stock: &str) -> Offer {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let choice = Choice {
            gpu: gpu.id.clone(),
            count,
            data_center: place.to_owned(),
        };
        let each = |number: u32| number.saturating_mul(count);
        Offer {
            id: choice.id(),
            hardware: Hardware {
                gpus: vec![Gpu {
                    model: gpu.id.clone(),
                    count,
                    memory_mib: gpu.memory.saturating_mul(MIB_PER_GIB),
                    uuids: Vec::new(),
                }],
                cpu_model: String::new(),
                cpu_threads: each(self.settings.vcpus_per_gpu),
                memory_mib: u64::from(each(self.settings.memory_gib_per_gpu)) * MIB_PER_GIB,
                disk_mib: self.settings.disk_gib * MIB_PER_GIB,
                labels: Vec::new(),
            },
            region: place.to_owned(),
            price_micro_usd_per_hour: price,
            interruptible: false,
            labels: vec![
                label("cloud", &self.settings.cloud.name().to_lowercase()),
                label("stock", &stock.to_lowercase()),
                label("manufacturer", &gpu.manufacturer.to_lowercase()),
            ],
        }
    }
}
