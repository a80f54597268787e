//! `host rental order`

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::admin::{Client, Rentals};
use crate::cli::arguments::NodeArgs;
use crate::cli::exit::Usage;
use crate::cli::provider::filter::micro_usd;
use crate::cli::status::find;
use crate::cli::{World, print_json};
use crate::subnet::rental::{Lease, RentRequest, SSH_KEY_BYTES_MAX};
use crate::subnet::text::escape;

use super::text::{seconds, show, span};

/// Between two looks at what was ordered.
const LOOK: Duration = Duration::from_secs(1);
/// Public keys that are looked for, the first that is there wins.
const KEY_FILES: [&str; 3] = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"];

/// Rent a machine and wait until it can be logged in to.
///
/// The same --key twice is one rental: after a failure, type the same command
/// again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host rental order --for 2h                                     this miner's own machine
  host rental order provider-aws/us-east-1/t3.micro/on-demand --for 30m --price-max 0.02
  host rental order --for 1h --cpu-threads 2 --memory-mib 4096 --key build-box")]
pub(super) struct Order {
    /// The machine, as the miner describes it; its own if none is named
    #[arg(default_value = "")]
    machine: String,
    /// For how long: 90s, 30m, 2h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    duration: u64,
    /// The most it may cost, in US dollars an hour: 1.25
    #[arg(long, value_name = "USD", value_parser = micro_usd)]
    price_max: Option<u64>,
    /// What to call it: lower case letters, digits and dashes
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Who may log in; the first of ~/.ssh/id_*.pub if not given
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<PathBuf>,
    /// An image pinned by its digest
    #[arg(long, value_name = "NAME@sha256:...")]
    image: Option<String>,
    /// Hardware threads; 0 is all
    #[arg(long, value_name = "N", default_value_t = 0)]
    cpu_threads: u32,
    /// Main memory; 0 is all
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    memory_mib: u64,
    /// Writable disk; 0 is as the miner chooses
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    disk_mib: u64,
    /// Return once it is ordered
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Order {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let client = find(&self.node, world).await?;
        let request = self.request(world)?;
        let key = request.key.clone();
        let asked = Rentals::Order(Box::new(request));
        let mut lease = client.rental(asked).await?;
        if !self.no_wait {
            lease = wait(&client, lease).await.with_context(|| {
                format!("the order is placed; `host rental show {key}` says how far it is")
            })?;
        }
        match self.json {
            true => print_json(world.out, &lease)?,
            false => show(world.out, &lease)?,
        }
        match lease.state.as_str() {
            "ending" | "ended" | "refused" => {
                let why = lease.reason.unwrap_or_default();
                anyhow::bail!("the rental came to its end: {}", escape(&why))
            }
            _ => Ok(()),
        }
    }

    fn request(&self, world: &World<'_>) -> anyhow::Result<RentRequest> {
        Ok(RentRequest {
            key: match &self.key {
                Some(key) => key.clone(),
                None => random_key()?,
            },
            machine: self.machine.clone(),
            image: self.image.clone(),
            ssh_public_key: public_key(self.ssh_key.as_deref(), world)?,
            cpu_threads: self.cpu_threads,
            memory_mib: self.memory_mib,
            disk_mib: self.disk_mib,
            duration_s: self.duration,
            price_micro_usd_per_hour_max: self.price_max.unwrap_or(u64::MAX),
            probe: false,
        })
    }
}

/// What is in `named`, or else in the first of this user's own files.
pub(in crate::cli) fn public_key(
    named: Option<&Path>,
    world: &World<'_>,
) -> anyhow::Result<String> {
    let home = world.folders.expand("~/.ssh");
    let file = match named {
        Some(file) => file.to_owned(),
        None => KEY_FILES
            .map(|name| home.join(name))
            .into_iter()
            .find(|file| file.is_file())
            .ok_or_else(|| {
                Usage(format!(
                    "no public key in {}: name one with --ssh-key FILE, or make one with ssh-keygen",
                    home.display()
                ))
            })?,
    };
    let size = std::fs::metadata(&file)
        .with_context(|| format!("cannot read {}", file.display()))?
        .len();
    if usize::try_from(size).map_or(true, |size| size > SSH_KEY_BYTES_MAX) {
        return Err(Usage(format!("{} is no public key", file.display())).into());
    }
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim_end().to_owned())
}

/// A name for a rental that nobody chose.
pub(in crate::cli) fn random_key() -> anyhow::Result<String> {
    let mut octets = [0; 6];
    getrandom::fill(&mut octets).context("no randomness")?;
    Ok(format!("rental-{}", hex::encode(octets)))
}

/// Until it can be logged in to, or never will be: the node bounds how long.
async fn wait(client: &Client, mut lease: Lease) -> anyhow::Result<Lease> {
    let begun = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    while lease.ssh.is_none() && !is_ending(&lease) {
        if terminal {
            say_how_far(&lease, begun);
        }
        tokio::time::sleep(LOOK).await;
        let shown = client.rental(Rentals::Show(lease.key.clone())).await;
        lease = shown?;
    }
    if terminal {
        say_no_more();
    }
    Ok(lease)
}

/// It can be logged in to no more, or never could.
pub(in crate::cli) fn is_ending(lease: &Lease) -> bool {
    ["ending", "ended", "refused"].contains(&lease.state.as_str())
}

/// On a terminal, one line that is written over.
pub(in crate::cli) fn say_how_far(lease: &Lease, begun: Instant) {
    let waited = span(begun.elapsed().as_secs());
    let state = escape(&lease.state);
    let _ = write!(std::io::stderr(), "\r\u{1b}[K{state}, {waited}");
}

/// Clears that line.
pub(in crate::cli) fn say_no_more() {
    let _ = write!(std::io::stderr(), "\r\u{1b}[K");
}
