//! `host subnet serve`: where a hotkey's axon is reached, or that it is not.

use std::net::{IpAddr, SocketAddr};

use anyhow::bail;
use clap::Args;

use crate::subnet::chain::{AxonInfo, Chain as _};

use super::super::World;
use super::super::arguments::{Overrides as _, WalletArgs};
use super::super::exit::Usage;
use super::{SubnetArgs, With, actor, done};

/// The protocol byte that axons announce; it proves nothing.
const AXON_PROTOCOL: u8 = 4;

/// Announce where the hotkey's axon is reached; `host run` does this by itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host subnet serve --ip 203.0.113.7 --port 8091 --netuid 12 --network finney --wallet.name default
  host subnet serve --withdraw --netuid 12 --network finney --wallet.name default")]
pub(super) struct Serve {
    /// The address others reach it at
    #[arg(long, required_unless_present = "withdraw")]
    ip: Option<IpAddr>,
    /// The port others reach it at
    #[arg(long, required_unless_present = "withdraw")]
    port: Option<u16>,
    /// Announce a public key for TLS too: a byte for its algorithm, then the key
    #[arg(long, value_name = "HEX")]
    certificate: Option<String>,
    /// Announce that it is reached nowhere
    #[arg(long, conflicts_with_all = ["ip", "port", "certificate"])]
    withdraw: bool,
    #[command(flatten)]
    subnet: SubnetArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let certificate = self.certificate()?;
        let address = match (self.ip, self.port) {
            (_, Some(0)) => bail!(Usage("nobody can be reached at port 0".into())),
            (Some(ip), Some(port)) => Some(SocketAddr::new(ip, port)),
            _ => None,
        };
        let arguments = With(&self.subnet, self.wallet.overrides());
        let (chain, netuid) = actor(world, &arguments).await?;
        let Some(address) = address else {
            let included = chain.withdraw_axon(netuid).await?;
            let more = serde_json::json!({ "axon": null });
            return done(world, self.json, "withdrawn", included, more);
        };
        let axon = AxonInfo {
            address,
            protocol: AXON_PROTOCOL,
            version: 0,
        };
        let included = match certificate {
            Some(key) => chain.serve_axon_tls(netuid, axon, &key).await?,
            None => chain.serve_axon(netuid, axon).await?,
        };
        let more = serde_json::json!({ "axon": address });
        let what = format!("{address} announced");
        done(world, self.json, &what, included, more)
    }

    fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(text) = &self.certificate else {
            return Ok(None);
        };
        let wrong = |_| Usage("--certificate is not hexadecimal".into());
        let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(wrong)?;
        Ok(Some(bytes))
    }
}
