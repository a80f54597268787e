//! `host provider check`: one adapter against the real provider, outside of any node.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::cli::arguments::NodeArgs;
use crate::cli::exit::Usage;
use crate::cli::node::{self, want};
use crate::cli::{World, components, print_json};
use crate::config::Settings;
use crate::plugin::lone::{self, With};
use crate::plugin::{Engine, builtin};
use crate::subnet::provider::{Offer, ProviderAdapter, Query};
use crate::subnet::text::escape;

use super::filter::{Filter, usd};
use super::spend::{Plan, end, spend};
use super::steps::Steps;

/// Try an adapter against its provider: loads it outside of any node, with your
/// settings, grants and credentials, and calls what only reads.
///
/// With --spend it also orders the cheapest offer that fits, waits until it runs,
/// orders again under the same key (which must not buy a second one), and ends it.
/// The provider is told to end it by itself as well. A node that rents with the
/// same account may end it sooner, since it is none of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host provider check provider-runpod
  host provider check my_cloud.wasm --gpu H100
  host provider check provider-aws --spend --price-max 0.05

Exit codes: 0 all went well, 1 a step failed, 2 usage or configuration, 4 the adapter was
refused (what it was not granted is printed as lines to add).")]
pub(super) struct Check {
    /// A built-in adapter's name, or a .wasm file
    adapter: String,
    /// Also rent a machine for some minutes; needs --price-max
    #[arg(long, requires = "price_max")]
    spend: bool,
    /// When the provider is to end it by itself
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(5..=240))]
    ends_in: u64,
    /// A public key, one line in OpenSSH form [default: one that nobody has]
    #[arg(long, value_name = "FILE", requires = "spend")]
    ssh_key: Option<PathBuf>,
    /// An OCI image, pinned by digest [default: the provider's plain Linux]
    #[arg(long, requires = "spend")]
    image: Option<String>,
    /// Disk to order
    #[arg(long, value_name = "MIB", default_value_t = 10_240)]
    disk_mib: u64,
    /// End what an earlier --spend ordered under this key, and nothing else
    #[arg(long, value_name = "KEY", conflicts_with = "spend")]
    end: Option<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The longest file of a public key.
const KEY_BYTES_MAX: u64 = 16 << 10;

impl Check {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = world.settings(&self.node)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let mut steps = Steps::new(world.out, self.json);
        let checked = runtime.block_on(self.check(&settings, &mut steps));
        let done = std::mem::take(&mut steps.done);
        if self.json {
            print_json(world.out, &done)?;
        }
        checked
    }

    async fn check(&self, settings: &Settings, steps: &mut Steps<'_>) -> anyhow::Result<()> {
        let begun = Instant::now();
        let engine = node::engine(settings)?;
        let bytes = self.component(&engine)?;
        let with = With::Configured(settings.plugins.settings.clone());
        let outside = node::outside(settings)?;
        let provider =
            tokio::task::block_in_place(|| lone::provider(&engine, &bytes, with, outside))?;
        let adapter = &*provider.adapter;
        let wants: Vec<String> = provider.wants.iter().map(want).collect();
        let id = adapter.id();
        let what = format!("{} {}, granted: {}", id.name, id.version, wants.join(", "));
        steps.well("admitted", begun, what)?;
        if let Some(key) = &self.end {
            return end(adapter, key, PAUSE, steps).await;
        }
        let offers = offers(adapter, &self.filter.query(), steps).await;
        let looked = instances(adapter, steps).await;
        let offers = offers?;
        looked?;
        if self.spend {
            let plan = self.plan()?;
            let offer = cheapest(&offers).context("no offer fits, so there is nothing to order")?;
            return spend(adapter, offer, &plan, steps).await;
        }
        Ok(())
    }

    fn component(&self, engine: &Engine) -> anyhow::Result<Vec<u8>> {
        let file = PathBuf::from(&self.adapter);
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            return components::component(&file, engine.limits().component_bytes_max);
        }
        let all = builtin::providers();
        let names: Vec<String> = all.iter().map(|b| b.name.to_string()).collect();
        let found = all.into_iter().find(|b| b.name == self.adapter);
        let unknown = || {
            Usage(format!(
                "there is no adapter `{}`; built in are {}; another is a .wasm file",
                escape(&self.adapter),
                names.join(", ")
            ))
        };
        Ok(found.ok_or_else(unknown)?.bytes.into_owned())
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Plan {
            key: format!("check-{}", hex::encode(random)),
            ssh_public_key: self.ssh_public_key()?,
            image: self.image.clone(),
            disk_mib: self.disk_mib,
            price_max: self.filter.price_max().context("--price-max is needed")?,
            ends_at: now.as_secs() + self.ends_in * 60,
            patience: Duration::from_secs(self.ends_in * 60),
            pause: PAUSE,
        })
    }

    fn ssh_public_key(&self) -> anyhow::Result<String> {
        let Some(path) = &self.ssh_key else {
            return Ok(nobodys_key());
        };
        let shown = escape(&path.display().to_string());
        let size = std::fs::metadata(path)
            .with_context(|| format!("{shown} cannot be read"))?
            .len();
        ensure!(
            size <= KEY_BYTES_MAX,
            "{shown} is no public key: it has {size} bytes"
        );
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
        let key = text.trim();
        ensure!(
            key.starts_with("ssh-") || key.starts_with("ecdsa-") || key.starts_with("sk-"),
            "{shown} is no public key in OpenSSH form; give the file that ends in .pub"
        );
        ensure!(!key.contains('\n'), "{shown} holds more than one line");
        Ok(key.to_owned())
    }
}

/// Between two looks at an instance.
const PAUSE: Duration = Duration::from_secs(5);

/// Ed25519's base point, in OpenSSH form. Its secret key is known to nobody who
/// did not choose it, and nobody did.
fn nobodys_key() -> String {
    use base64::Engine as _;
    let mut point = [0x66; 32];
    point[0] = 0x58;
    let mut blob = Vec::new();
    for part in [&b"ssh-ed25519"[..], &point] {
        blob.extend(u32::try_from(part.len()).unwrap_or(0).to_be_bytes());
        blob.extend(part);
    }
    let blob = base64::engine::general_purpose::STANDARD.encode(blob);
    format!("ssh-ed25519 {blob} nobody")
}

async fn offers(
    adapter: &dyn ProviderAdapter,
    query: &Query,
    steps: &mut Steps<'_>,
) -> anyhow::Result<Vec<Offer>> {
    let begun = Instant::now();
    let mut offers = match adapter.offers(query).await {
        Ok(offers) => offers,
        Err(error) => return Err(steps.badly("offers", begun, &error)),
    };
    let all = offers.len();
    offers.retain(|offer| query.matches(offer));
    let cheapest = cheapest(&offers).map_or("none".into(), |offer| {
        let price = usd(offer.price_micro_usd_per_hour);
        format!("{} in {} for {price} USD/hour", offer.id, offer.region)
    });
    let what = format!(
        "{all}, of which {} fit; the cheapest: {cheapest}",
        offers.len()
    );
    steps.well("offers", begun, what)?;
    Ok(offers)
}

/// One that is not taken back, if there is one.
fn cheapest(offers: &[Offer]) -> Option<&Offer> {
    offers
        .iter()
        .min_by_key(|offer| (offer.interruptible, offer.price_micro_usd_per_hour))
}

async fn instances(adapter: &dyn ProviderAdapter, steps: &mut Steps<'_>) -> anyhow::Result<()> {
    let begun = Instant::now();
    let instances = match adapter.instances().await {
        Ok(instances) => instances,
        Err(error) => return Err(steps.badly("instances", begun, &error)),
    };
    let ours = instances.iter().filter(|i| i.order_key.is_some()).count();
    let what = format!(
        "{}, of which {ours} were ordered by a node",
        instances.len()
    );
    steps.well("instances", begun, what)?;
    let Some(first) = instances.first() else {
        return Ok(());
    };
    let begun = Instant::now();
    match adapter.inspect(&first.id).await {
        Ok(seen) => steps.well("inspect", begun, format!("{} is {:?}", seen.id, seen.state))?,
        Err(error) => return Err(steps.badly("inspect", begun, &error)),
    }
    Ok(())
}
