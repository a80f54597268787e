//! What the operator may choose.
//!
//! | key | default | meaning |
//! |-----|---------|---------|
//! | `regions` | `us-east-1` | a list, up to 8; each is an origin to grant |
//! | `instance-types` | `g4dn.xlarge, g5.xlarge, g6.xlarge` | a list: what to offer, as far as a region has it |
//! | `market` | `on-demand` | or `spot`: cheaper, and may be taken back at any time |
//! | `prices.<region>.<type>` | none | micro-USD an hour, on demand; what has no price is not offered |
//! | `prices` | none | the same as one JSON document, for a data pack: `{"us-east-1": {"g5.xlarge": 1006000}}` |
//! | `extra-micro-usd-per-hour` | 16000 | what disk and public address cost, added to every price |
//! | `disk-gib` | 100 | the disk of a machine, offered and ordered; not less than the image needs |
//! | `gpu-image` | AWS's Deep Learning Base image, Ubuntu 22.04 | an AMI (`ami-...`), or `resolve:ssm:` and a parameter that names one; with cloud-init, for x86-64 |
//! | `cpu-image` | Ubuntu 24.04 | the same, for types without a GPU |
//! | `root-device` | `/dev/sda1` | the image's own name of its root disk |
//! | `login` | `ubuntu` | the image's own user |
//! | `security-group` | `compute-subnet` | by name; made where there is none, with port 22 open and no other |
//! | `subnets.<region>` | the default network | a subnet (`subnet-...`) to start machines in; not with `spot` |
//! | `credential` | `aws` | the name of the credential: an access key, for SigV4 |
//! | `endpoint` | `https://ec2.{region}.amazonaws.com` | where the API of a region is |
//! | `timeout-ms` | 20000 | for each request |

use std::collections::BTreeMap;

use plugin_settings::Table;
use provider_kit::{Want, http::check_origin, list::list, money::PRICE_MICRO_USD_PER_HOUR_MAX};

const KEYS: [&str; 14] = [
    "regions",
    "instance-types",
    "market",
    "prices",
    "extra-micro-usd-per-hour",
    "disk-gib",
    "gpu-image",
    "cpu-image",
    "root-device",
    "login",
    "security-group",
    "credential",
    "endpoint",
    "timeout-ms",
];
const REGIONS_MAX: usize = 8;
/// As many as one request may ask for.
const TYPES_MAX: usize = 100;
const GPU_IMAGE: &str = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id";
const CPU_IMAGE: &str = "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id";

/// The settings, read and found to make sense together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) regions: Vec<String>,
    pub(crate) instance_types: Vec<String>,
    pub(crate) market: Market,
    /// By region and type.
    pub(crate) prices: BTreeMap<(String, String), u64>,
    pub(crate) extra_micro_usd_per_hour: u64,
    pub(crate) disk_gib: u64,
    pub(crate) gpu_image: String,
    pub(crate) cpu_image: String,
    pub(crate) root_device: String,
    pub(crate) login: String,
    pub(crate) security_group: String,
    /// By region.
    pub(crate) subnets: BTreeMap<String, String>,
    pub(crate) credential: String,
    pub(crate) endpoint: String,
    pub(crate) timeout_ms: u32,
}

/// How machines are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    OnDemand,
    Spot,
}

impl Market {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
        }
    }
}

impl Settings {
    /// Reads the plugin's table, and says in one line what is wrong with it.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let is_of =
            |prefix: &'static str| move |(key, _): &&(String, String)| key.starts_with(prefix);
        let named = |(key, _): &&(String, String)| {
            !key.starts_with("prices.") && !key.starts_with("subnets.")
        };
        let plain: Vec<_> = pairs.iter().filter(named).cloned().collect();
        let table = Table::new(&plain, &KEYS)?;
        let text = |key: &str, default: &str| table.text(key).unwrap_or(default).to_owned();
        let types = text("instance-types", "g4dn.xlarge,g5.xlarge,g6.xlarge");
        let markets = [("on-demand", Market::OnDemand), ("spot", Market::Spot)];
        let price_max = PRICE_MICRO_USD_PER_HOUR_MAX;
        let settings = Self {
            regions: list("regions", &text("regions", "us-east-1"))?,
            instance_types: list("instance-types", &types)?,
            market: table.choice("market", &markets)?,
            prices: prices(table, pairs.iter().filter(is_of("prices.")))?,
            extra_micro_usd_per_hour: table.number(
                "extra-micro-usd-per-hour",
                16_000,
                0..=price_max,
            )?,
            disk_gib: table.number("disk-gib", 100, 8..=16_384)?,
            gpu_image: text("gpu-image", GPU_IMAGE),
            cpu_image: text("cpu-image", CPU_IMAGE),
            root_device: text("root-device", "/dev/sda1"),
            login: text("login", "ubuntu"),
            security_group: text("security-group", "compute-subnet"),
            subnets: subnets(pairs.iter().filter(is_of("subnets.")))?,
            credential: text("credential", "aws"),
            endpoint: text("endpoint", "https://ec2.{region}.amazonaws.com"),
            timeout_ms: table.number("timeout-ms", 20_000, 1_000..=60_000)?,
        };
        settings.check().map(|()| settings)
    }

    fn check(&self) -> Result<(), String> {
        let region = |region: &String| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            region.len() <= 32 && region.bytes().all(plain)
        };
        if self.regions.len() > REGIONS_MAX || !self.regions.iter().all(region) {
            return Err(format!(
                "regions is {:?}; it must be up to {REGIONS_MAX} names, as us-east-1",
                self.regions
            ));
        }
        let kind = |kind: &String| {
            kind.contains('.')
                && kind
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        if self.instance_types.len() > TYPES_MAX || !self.instance_types.iter().all(kind) {
            let types = &self.instance_types;
            return Err(format!(
                "instance-types is {types:?}; it must be up to {TYPES_MAX} names, as g5.xlarge"
            ));
        }
        for (key, image) in [
            ("gpu-image", &self.gpu_image),
            ("cpu-image", &self.cpu_image),
        ] {
            if !image.starts_with("ami-") && !image.starts_with("resolve:ssm:") {
                return Err(format!(
                    "{key} is {image:?}; it must begin with ami- or resolve:ssm:"
                ));
            }
        }
        if self.market == Market::Spot && !self.subnets.is_empty() {
            return Err("subnets are set and market is spot, whose zones have prices of their own; leave one of them out".into());
        }
        check_origin("endpoint", &self.endpoint)
    }

    /// The API of a region.
    pub(crate) fn origin(&self, region: &str) -> String {
        self.endpoint.replace("{region}", region)
    }

    pub(crate) fn wants(&self) -> Vec<Want> {
        let origins = self.regions.iter().map(|region| self.origin(region));
        let mut wants: Vec<Want> = origins.map(Want::HttpOrigin).collect();
        wants.dedup();
        wants.push(Want::Credential(self.credential.clone()));
        wants
    }

    pub(crate) fn disk_mib(&self) -> u64 {
        self.disk_gib * provider_kit::MIB_PER_GIB
    }
}

/// From the document, and from keys of their own, which count more.
fn prices<'a>(
    table: Table<'_>,
    pairs: impl Iterator<Item = &'a (String, String)>,
) -> Result<BTreeMap<(String, String), u64>, String> {
    let mut prices = BTreeMap::new();
    if let Some(text) = table.text("prices") {
        let document: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_str(text)
            .map_err(|error| {
                format!("prices is no document of regions, types and micro-USD an hour: {error}")
            })?;
        for (region, types) in document {
            prices.extend(
                types
                    .into_iter()
                    .map(|(kind, price)| ((region.clone(), kind), price)),
            );
        }
    }
    for (key, value) in pairs {
        let place = key
            .strip_prefix("prices.")
            .and_then(|rest| rest.split_once('.'));
        let (Some((region, kind)), Ok(price)) = (place, value.trim().parse()) else {
            return Err(format!(
                "{key} is {value:?}; it must be prices.<region>.<type> and micro-USD an hour"
            ));
        };
        prices.insert((region.to_owned(), kind.to_owned()), price);
    }
    let wrong = prices
        .iter()
        .find(|(_, price)| !(1..=PRICE_MICRO_USD_PER_HOUR_MAX).contains(*price));
    match wrong {
        None => Ok(prices),
        Some(((region, kind), price)) => Err(format!(
            "prices.{region}.{kind} is {price}; it must be from 1 to {PRICE_MICRO_USD_PER_HOUR_MAX}"
        )),
    }
}

fn subnets<'a>(
    pairs: impl Iterator<Item = &'a (String, String)>,
) -> Result<BTreeMap<String, String>, String> {
    let subnet = |(key, value): &(String, String)| match value.trim().starts_with("subnet-") {
        true => Ok((
            key.trim_start_matches("subnets.").to_owned(),
            value.trim().to_owned(),
        )),
        false => Err(format!("{key} is {value:?}; it must begin with subnet-")),
    };
    pairs.map(subnet).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use provider_kit::testing::table;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(&table(pairs))
    }

    #[test]
    fn every_region_is_an_origin_of_its_own() {
        let wants = read(&[("regions", "us-east-1,eu-west-1")]).unwrap().wants();
        let origins = [
            "https://ec2.us-east-1.amazonaws.com",
            "https://ec2.eu-west-1.amazonaws.com",
        ];
        let mut expected: Vec<_> = origins.map(|origin| Want::HttpOrigin(origin.into())).into();
        expected.push(Want::Credential("aws".into()));
        assert_eq!(wants, expected);
    }

    #[test]
    fn a_price_is_from_a_document_or_a_key_of_its_own_which_counts_more() {
        let settings = read(&[
            (
                "prices",
                r#"{"us-east-1": {"g5.xlarge": 1, "g6.xlarge": 2}}"#,
            ),
            ("prices.us-east-1.g5.xlarge", "1006000"),
        ]);
        let prices = settings.unwrap().prices;
        let price = |kind: &str| prices[&("us-east-1".to_owned(), kind.to_owned())];
        assert_eq!((price("g5.xlarge"), price("g6.xlarge")), (1_006_000, 2));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, value) in [
            ("regions", "us-east-1/../"),
            ("regions", "a,b,c,d,e,f,g,h,i"),
            ("instance-types", "g5"),
            ("market", "futures"),
            ("prices", "[]"),
            ("prices.us-east-1", "5"),
            ("prices.us-east-1.g5.xlarge", "1.006"),
            ("prices.us-east-1.g5.xlarge", "0"),
            ("subnets.us-east-1", "vpc-1"),
            ("gpu-image", "ubuntu"),
            ("disk-gib", "1"),
            ("endpoint", "ec2"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert!(error.starts_with(key), "{key} = {value}: {error}");
        }
        assert!(read(&[("region", "x")]).unwrap_err().contains("regions"));
        assert!(read(&[("market", "spot"), ("subnets.us-east-1", "subnet-1")]).is_err());
    }
}
