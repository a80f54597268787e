//! What EC2 has: types with their hardware, and their prices.

use std::collections::BTreeMap;

use provider_kit::{
    Failure, Gpu, Hardware, Label, Level, Offer, Query, money, offers::answer, time::iso8601, xml,
};
use roxmltree::Node;

use crate::{
    Aws,
    ec2::{Ec2, Form},
    settings::Market,
};

/// Pages of prices that are read.
const PAGES_MAX: usize = 4;

/// What an offer's id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) region: String,
    pub(crate) kind: String,
    /// Empty where EC2 chooses.
    pub(crate) zone: String,
}

impl Choice {
    /// `us-east-1/g5.xlarge/spot/us-east-1a`
    fn id(&self, market: Market) -> String {
        let id = format!("{}/{}/{}", self.region, self.kind, market.name());
        match self.zone.is_empty() {
            true => id,
            false => format!("{id}/{}", self.zone),
        }
    }

    /// `None` for an id of another market, or of none.
    pub(crate) fn read(id: &str, market: Market) -> Option<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        let zone = match (market, &parts[..]) {
            (Market::OnDemand, [_, _, "on-demand"]) => "",
            (Market::Spot, [_, _, "spot", zone]) => zone,
            _ => return None,
        };
        Some(Self {
            region: parts[0].to_owned(),
            kind: parts[1].to_owned(),
            zone: zone.to_owned(),
        })
    }
}

impl Aws<'_> {
    pub(crate) fn offers(&self, query: &Query) -> Result<Vec<Offer>, Failure> {
        let mut offers = Vec::new();
        for region in self.regions() {
            if query
                .region
                .as_ref()
                .is_none_or(|wanted| wanted == region.region)
            {
                offers.extend(region.offers(&self.settings.instance_types)?);
            }
        }
        Ok(answer(query, offers))
    }
}

impl Ec2<'_> {
    /// Of these types, those that the region has and that have a price.
    pub(crate) fn offers(&self, kinds: &[String]) -> Result<Vec<Offer>, Failure> {
        let hardware = self.hardware(kinds)?;
        let prices = match self.settings.market {
            Market::OnDemand => self.list_prices(kinds),
            Market::Spot => self.spot_prices(kinds)?,
        };
        let offers = prices.into_iter().filter_map(|((kind, zone), price)| {
            let hardware = hardware.get(&kind)?.clone();
            Some(self.offer(
                Choice {
                    region: self.region.to_owned(),
                    kind,
                    zone,
                },
                hardware,
                price,
            ))
        });
        Ok(offers.collect())
    }

    fn offer(&self, choice: Choice, hardware: Hardware, price: u64) -> Offer {
        let market = self.settings.market;
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let mut labels = vec![label("instance-type", &choice.kind)];
        if !choice.zone.is_empty() {
            labels.push(label("zone", &choice.zone));
        }
        Offer {
            id: choice.id(market),
            hardware,
            region: choice.region,
            price_micro_usd_per_hour: price.saturating_add(self.settings.extra_micro_usd_per_hour),
            interruptible: market == Market::Spot,
            labels,
        }
    }

    /// By type and zone, which is empty: a price is for the whole region.
    fn list_prices(&self, kinds: &[String]) -> BTreeMap<(String, String), u64> {
        let price = |kind: &String| {
            self.settings
                .prices
                .get(&(self.region.to_owned(), kind.clone()))
        };
        let (priced, unpriced): (Vec<_>, Vec<_>) =
            kinds.iter().partition(|kind| price(kind).is_some());
        if !unpriced.is_empty() {
            let line = format!(
                "not offered in {}, as the settings have no price: {unpriced:?}",
                self.region
            );
            self.outside.log(Level::Debug, &line);
        }
        let with_price = |kind: &String| Some(((kind.clone(), String::new()), *price(kind)?));
        priced.into_iter().filter_map(with_price).collect()
    }

    /// By type and zone, as they are now.
    fn spot_prices(&self, kinds: &[String]) -> Result<BTreeMap<(String, String), u64>, Failure> {
        let mut prices = BTreeMap::new();
        let mut next = String::new();
        for _ in 0..PAGES_MAX {
            let mut form = Form::default()
                .set("StartTime", &iso8601(self.outside.now_s()))
                .set("ProductDescription.1", "Linux/UNIX");
            for (at, kind) in kinds.iter().enumerate() {
                form = form.set(&format!("InstanceType.{}", at + 1), kind);
            }
            if !next.is_empty() {
                form = form.set("NextToken", &next);
            }
            let text = self.ask("DescribeSpotPriceHistory", &form)?;
            let document = xml::read(&text)?;
            let root = document.root_element();
            // Newest first; the first of a zone counts.
            for item in xml::items(root, &["spotPriceHistorySet"]) {
                if let Some((place, price)) = spot_price(item) {
                    prices.entry(place).or_insert(price);
                }
            }
            match xml::text(root, &["nextToken"]) {
                Some(token) => next = token.to_owned(),
                None => break,
            }
        }
        Ok(prices)
    }

    /// By type; what cannot be rented here by this adapter is left out.
    fn hardware(&self, kinds: &[String]) -> Result<BTreeMap<String, Hardware>, Failure> {
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let form = Form::default().filter(1, "instance-type", &kinds);
        let text = self.ask("DescribeInstanceTypes", &form)?;
        let document = xml::read(&text)?;
        let types = xml::items(document.root_element(), &["instanceTypeSet"]);
        Ok(types.filter_map(|item| self.kind(item)).collect())
    }

    fn kind(&self, item: Node<'_, '_>) -> Option<(String, Hardware)> {
        let kind = xml::text(item, &["instanceType"])?.to_owned();
        let nitro = xml::text(item, &["hypervisor"]).is_none_or(|hypervisor| hypervisor == "nitro");
        let mut architectures = xml::at(item, &["processorInfo", "supportedArchitectures"])?
            .children()
            .filter_map(|item| item.text());
        if !nitro || !architectures.any(|name| name.trim() == "x86_64") {
            self.outside.log(
                Level::Debug,
                &format!("{kind} is not built on Nitro, or not for x86-64"),
            );
            return None;
        }
        let maker = xml::text(item, &["processorInfo", "manufacturer"]).unwrap_or_default();
        let threads = xml::number(item, &["vCpuInfo", "defaultVCpus"])?;
        let hardware = Hardware {
            gpus: xml::items(item, &["gpuInfo", "gpus"])
                .filter_map(gpu)
                .collect(),
            cpu_model: maker.to_owned(),
            cpu_threads: u32::try_from(threads).ok()?,
            memory_mib: xml::number(item, &["memoryInfo", "sizeInMiB"])?,
            disk_mib: self.settings.disk_mib(),
            labels: Vec::new(),
        };
        Some((kind, hardware))
    }
}

/// `NVIDIA A10G`, as its driver reports it.
fn gpu(item: Node<'_, '_>) -> Option<Gpu> {
    let name = xml::text(item, &["name"])?;
    let maker = xml::text(item, &["manufacturer"]).unwrap_or_default();
    Some(Gpu {
        model: format!("{maker} {name}").trim().to_owned(),
        count: u32::try_from(xml::number(item, &["count"])?).ok()?,
        memory_mib: xml::number(item, &["memoryInfo", "sizeInMiB"])?,
        uuids: Vec::new(),
    })
}

fn spot_price(item: Node<'_, '_>) -> Option<((String, String), u64)> {
    let kind = xml::text(item, &["instanceType"])?.to_owned();
    let zone = xml::text(item, &["availabilityZone"])?.to_owned();
    let price = money::from_text(xml::text(item, &["spotPrice"])?)?;
    Some(((kind, zone), price))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offers_id_reads_what_it_writes() {
        for (market, zone) in [(Market::OnDemand, ""), (Market::Spot, "us-east-1a")] {
            let choice = Choice {
                region: "us-east-1".into(),
                kind: "g5.xlarge".into(),
                zone: zone.into(),
            };
            assert_eq!(Choice::read(&choice.id(market), market), Some(choice));
        }
        for id in ["", "a/b", "a/b/spot/c", "a/b/on-demand/c"] {
            assert_eq!(Choice::read(id, Market::OnDemand), None, "{id}");
        }
    }
}
