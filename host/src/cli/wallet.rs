//! `host wallet`: hotkeys in Bittensor's own layout.

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::subnet::key::AccountId;
use crate::subnet::text::escape;
use crate::wallet::{self, Hotkey, Wallet as Folder};

use super::arguments::{Overrides, WalletArgs};
use super::exit::Usage;
use super::table::{Column, print};
use super::{World, print_json};

/// Make, list and use hotkeys, in the layout btcli uses too.
///
/// Only hotkeys are made here. Make the coldkey with btcli, on another machine:
/// a node never needs it, but for buying a slot.
#[derive(Debug, Args)]
pub(super) struct Wallet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    NewHotkey(NewHotkey),
    List(List),
    Show(Show),
    Sign(Sign),
    Verify(Verify),
}

/// Make a hotkey and print the twelve words it can be restored from.
///
/// Never overwrites a key. The words are shown once: write them down.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet new-hotkey --wallet.name default --wallet.hotkey miner")]
struct NewHotkey {
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List wallets and their hotkeys; reads no secret.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one wallet's addresses; reads no secret.
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Sign a text with the hotkey.
///
/// Texts that a protocol could take for its own are refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet sign 'this miner is mine' --wallet.name default --wallet.hotkey miner")]
struct Sign {
    /// The text, signed as it is
    text: String,
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
struct Verify {
    /// The text
    text: String,
    /// 64 bytes in hexadecimal
    signature: String,
    /// The SS58 address of who is said to have signed
    address: String,
}

impl Wallet {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self.action {
            Action::NewHotkey(new) => new.execute(world),
            Action::List(list) => list.execute(world),
            Action::Show(show) => show.execute(world),
            Action::Sign(sign) => sign.execute(world),
            Action::Verify(verify) => verify.execute(world),
        }
    }
}

/// The folder of the wallet that was named, and the hotkey's name.
fn folder(world: &World<'_>, arguments: &impl Overrides) -> anyhow::Result<(Folder, String)> {
    let wallet = world.settings(arguments)?.named_wallet()?;
    if wallet.name.starts_with("//") || wallet.hotkey.starts_with("//") {
        bail!(Usage("a development key has no wallet".into()));
    }
    Ok((Folder::new(&wallet.path, &wallet.name)?, wallet.hotkey))
}

impl NewHotkey {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (folder, name) = folder(world, &self.wallet)?;
        let new = folder.new_hotkey(&name)?;
        if self.json {
            let value = serde_json::json!({
                "address": new.account, "file": new.path, "phrase": *new.phrase,
            });
            return print_json(world.out, &value);
        }
        writeln!(world.out, "address  {}", new.account)?;
        writeln!(world.out, "file     {}", new.path.display())?;
        writeln!(world.out, "words    {}", *new.phrase)?;
        writeln!(
            world.out,
            "Write the words down: whoever has them has the key, and they are not shown again."
        )?;
        Ok(())
    }
}

impl List {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let root = world.settings(&self.wallet)?.wallet_path;
        let wallets = wallet::list(&root)?;
        if self.json {
            let wallets: Vec<_> = wallets.iter().map(json).collect();
            return print_json(world.out, &wallets);
        }
        if wallets.is_empty() {
            writeln!(world.out, "no wallets in {}", root.display())?;
            return Ok(());
        }
        let columns = ["wallet", "key", "address"].map(Column::Text);
        print(world.out, columns, wallets.iter().flat_map(rows))?;
        Ok(())
    }
}

impl Show {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let entry = folder(world, &self.wallet)?.0.show()?;
        if self.json {
            return print_json(world.out, &json(&entry));
        }
        let columns = ["wallet", "key", "address"].map(Column::Text);
        print(world.out, columns, rows(&entry))?;
        Ok(())
    }
}

fn rows(entry: &wallet::WalletEntry) -> Vec<[String; 3]> {
    let address = |account: &Option<AccountId>| {
        account.map_or_else(|| "unreadable".to_owned(), |account| account.to_ss58())
    };
    let cold = entry.coldkey.map(|_| ("coldkey", &entry.coldkey));
    let hot = entry.hotkeys.iter().map(|key| (&*key.name, &key.account));
    cold.into_iter()
        .chain(hot)
        .map(|(name, account)| [entry.name.clone(), name.to_owned(), address(account)])
        .collect()
}

fn json(entry: &wallet::WalletEntry) -> serde_json::Value {
    let hotkeys: Vec<_> = entry
        .hotkeys
        .iter()
        .map(|key| serde_json::json!({ "name": key.name, "address": key.account }))
        .collect();
    serde_json::json!({ "name": entry.name, "coldkey": entry.coldkey, "hotkeys": hotkeys })
}

impl Sign {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        use crate::subnet::key::Signer as _;
        let (folder, name) = folder(world, &self.wallet)?;
        let hotkey: Hotkey = folder.load_hotkey(&name)?;
        let signature = format!("0x{}", hex::encode(wallet::sign(&hotkey, &self.text)?.0));
        if self.json {
            let value = serde_json::json!({ "address": hotkey.account(), "signature": signature });
            return print_json(world.out, &value);
        }
        writeln!(world.out, "address    {}", hotkey.account())?;
        writeln!(world.out, "signature  {signature}")?;
        Ok(())
    }
}

impl Verify {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let account: AccountId = self
            .address
            .parse()
            .map_err(|error| Usage(format!("{}: {error}", escape(&self.address))))?;
        if !wallet::verify(&account, &self.text, &self.signature) {
            bail!("{account} did not sign this text");
        }
        writeln!(world.out, "{account} signed this text")?;
        Ok(())
    }
}
