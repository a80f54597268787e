//! Signing a text for a person, and checking who did.

use anyhow::bail;
use clap::Args;

use crate::cli::arguments::WalletArgs;
use crate::cli::exit::Usage;
use crate::cli::{World, logging, print_json};
use crate::subnet::key::{AccountId, Signer};
use crate::subnet::text::escape;
use crate::wallet::{self, Passwords};

/// Sign a text with the hotkey.
///
/// Texts that a protocol could take for its own are refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet sign 'this miner is mine' --wallet.name default --wallet.hotkey miner")]
pub(super) struct Sign {
    /// The text, signed as it is
    text: String,
    /// Sign with the coldkey instead
    #[arg(long)]
    coldkey: bool,
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check who signed a text; exit code 1 if it was not them.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet verify 'this miner is mine' 0x9a1f... 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")]
pub(super) struct Verify {
    /// The text
    text: String,
    /// 64 bytes in hexadecimal
    signature: String,
    /// The SS58 address of who is said to have signed
    address: String,
}

impl Sign {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        logging::start(&world.settings(&self.wallet)?.log);
        let (folder, name) = super::folder(world, &self.wallet)?;
        let passwords = Passwords::of_process();
        let key: Box<dyn Signer> = if self.coldkey {
            Box::new(folder.load_coldkey(&passwords)?)
        } else {
            Box::new(folder.load_hotkey(&name, &passwords)?)
        };
        let signature = format!("0x{}", hex::encode(wallet::sign(&*key, &self.text)?.0));
        let (address, scheme) = (key.account(), key.scheme());
        if self.json {
            let value = serde_json::json!({
                "address": address, "signature": signature, "scheme": scheme.name(),
            });
            return print_json(world.out, &value);
        }
        writeln!(world.out, "address    {address}")?;
        writeln!(world.out, "scheme     {scheme}")?;
        writeln!(world.out, "signature  {signature}")?;
        Ok(())
    }
}

impl Verify {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let account: AccountId = self
            .address
            .parse()
            .map_err(|error| Usage(format!("{}: {error}", escape(&self.address))))?;
        let Some(scheme) = wallet::verify(&account, &self.text, &self.signature) else {
            bail!("{account} did not sign this text");
        };
        writeln!(world.out, "{account} signed this text ({scheme})")?;
        Ok(())
    }
}
