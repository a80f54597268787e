//! What to look for among offers, and how prices are written.

use clap::Args;

use crate::subnet::hardware::Label;
use crate::subnet::provider::Query;

/// What to look for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Only offers with")]
pub(super) struct Filter {
    /// This in the name of their cards' model: H100
    #[arg(long, value_name = "MODEL")]
    gpu: Option<String>,
    /// At least so many cards
    #[arg(long, value_name = "N")]
    gpus: Option<u32>,
    /// At least so much memory on each card
    #[arg(long, value_name = "MIB")]
    gpu_memory_mib: Option<u64>,
    /// This region, as the provider calls it
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// At most this price, in US dollars an hour: 1.25
    #[arg(long, value_name = "USD", value_parser = micro_usd)]
    price_max: Option<u64>,
    /// This label
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<Label>,
}

impl Filter {
    /// In the subnet's words.
    pub(super) fn query(&self) -> Query {
        Query {
            gpu_model: self.gpu.clone(),
            gpu_count: self.gpus,
            gpu_memory_mib: self.gpu_memory_mib,
            region: self.region.clone(),
            price_micro_usd_per_hour_max: self.price_max,
            labels: self.label.clone(),
        }
    }

    /// In millionths of a US dollar an hour.
    pub(super) fn price_max(&self) -> Option<u64> {
        self.price_max
    }
}

fn label(text: &str) -> Result<Label, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, such as zone=a")?;
    Ok(Label {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// `1.25` is 1,250,000: digits, and at most six after a point.
pub(in crate::cli) fn micro_usd(text: &str) -> Result<u64, String> {
    let wrong = || "expected US dollars, such as 1.25 or 0.000001".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(wrong());
    }
    let dollars: u64 = whole.parse().map_err(|_| wrong())?;
    let millionths: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    let micro = dollars.checked_mul(1_000_000).ok_or_else(wrong)?;
    micro.checked_add(millionths).ok_or_else(wrong)
}

/// 1,250,000 is `1.25`; at least two digits after the point.
pub(in crate::cli) fn usd(micro: u64) -> String {
    let part = format!("{:06}", micro % 1_000_000);
    let kept = part.trim_end_matches('0').len().max(2);
    format!("{}.{}", micro / 1_000_000, &part[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written_without_rounding() {
        for (text, micro, shown) in [
            ("1", 1_000_000, "1.00"),
            ("1.25", 1_250_000, "1.25"),
            ("0.000001", 1, "0.000001"),
            ("12.5", 12_500_000, "12.50"),
        ] {
            assert_eq!(micro_usd(text), Ok(micro));
            assert_eq!(usd(micro), shown);
        }
        for wrong in [
            "",
            ".",
            "-1",
            "1,5",
            "1.",
            ".5",
            "1.0000001",
            "99999999999999999999",
            "1e3",
        ] {
            assert!(micro_usd(wrong).is_err(), "{wrong}");
        }
    }
}
