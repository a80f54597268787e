//! `host subnet register`: a slot, at a price that was looked at first.

use anyhow::bail;
use clap::Args;

use crate::subnet::chain::{Chain as _, ChainError};

use super::super::arguments::{Overrides as _, RegisterArgs, WalletArgs};
use super::super::exit::Usage;
use super::super::{World, keys};
use super::{SubnetArgs, With, actor, done, reader, tao};

/// Buy a slot for the hotkey; its coldkey pays.
///
/// Looks at the price first. Without a limit nothing is bought and the price is
/// said; the coldkey is asked for only when a slot is cheap enough.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet register --netuid 12 --network test --wallet.name default --register-limit-rao 500000000")]
pub(super) struct Register {
    #[command(flatten)]
    subnet: SubnetArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    register: RegisterArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Register {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let mut more = self.wallet.overrides();
        more.extend(self.register.limit());
        let arguments = With(&self.subnet, more);
        let settings = world.settings(&arguments)?;
        let wallet = settings.named_wallet()?;
        let hotkey = keys::hotkey(&wallet).await?.account();
        let price_rao = {
            let (chain, netuid) = reader(world, &self.subnet)?;
            chain.slot_price_rao(netuid).await?
        };
        let price = format!("a slot costs {} ({price_rao} rao) now", tao(price_rao));
        let Some(limit_rao) = settings.price_limit_rao else {
            bail!(Usage(format!(
                "{price}; say how much it may cost: --register-limit-rao {price_rao}, or some more since prices move"
            )));
        };
        if price_rao > limit_rao {
            bail!(ChainError::TooDear {
                price_rao,
                limit_rao
            });
        }
        if !self.json {
            writeln!(world.out, "{price}; at most {} is paid", tao(limit_rao))?;
            world.out.flush()?;
        }
        let (chain, netuid) = actor(world, &arguments).await?;
        let included = chain.register(netuid, limit_rao).await?;
        let metagraph = chain.metagraph(netuid).await?;
        let uid = metagraph.neuron(&hotkey).map(|neuron| neuron.uid);
        let what = match uid {
            Some(uid) => format!("registered with uid {uid}"),
            None => "registered".to_owned(),
        };
        let more = serde_json::json!({ "uid": uid, "hotkey": hotkey });
        done(world, self.json, &what, included, more)
    }
}
