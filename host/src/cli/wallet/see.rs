//! Wallets as they can be seen without a secret.

use clap::Args;

use crate::cli::arguments::WalletArgs;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::wallet::{self, KeyEntry, Storage, WalletEntry};

/// List wallets and their hotkeys; needs no password.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one wallet's addresses; needs no password.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
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
        table(world, &wallets)
    }
}

impl Show {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let entry = super::folder(world, &self.wallet)?.0.show()?;
        if self.json {
            return print_json(world.out, &json(&entry));
        }
        table(world, &[entry])
    }
}

fn table(world: &mut World<'_>, wallets: &[WalletEntry]) -> anyhow::Result<()> {
    let columns = ["wallet", "key", "address", "scheme", "kept"].map(Column::Text);
    let rows = wallets.iter().flat_map(|wallet| {
        wallet
            .coldkey
            .iter()
            .chain(&wallet.hotkeys)
            .map(|key| row(&wallet.name, key))
    });
    print(world.out, columns, rows)?;
    Ok(())
}

fn row(wallet: &str, key: &KeyEntry) -> [String; 5] {
    let (address, scheme) = match key.public {
        Some((account, scheme)) => (account.to_ss58(), scheme.to_string()),
        None => ("unreadable".to_owned(), String::new()),
    };
    let kept = kept(key.storage);
    [wallet.to_owned(), key.name.clone(), address, scheme, kept]
}

fn kept(storage: Storage) -> String {
    match storage {
        Storage::WatchOnly => "public half only".to_owned(),
        Storage::Plain => "plain".to_owned(),
        Storage::Encrypted(encryption) => format!("encrypted ({encryption})"),
        Storage::Unreadable => "unreadable".to_owned(),
    }
}

fn json(entry: &WalletEntry) -> serde_json::Value {
    let hotkeys: Vec<_> = entry.hotkeys.iter().map(json_key).collect();
    let coldkey = entry.coldkey.as_ref().map(json_key);
    serde_json::json!({ "name": entry.name, "coldkey": coldkey, "hotkeys": hotkeys })
}

fn json_key(key: &KeyEntry) -> serde_json::Value {
    serde_json::json!({
        "name": key.name,
        "address": key.public.map(|(account, _)| account),
        "scheme": key.public.map(|(_, scheme)| scheme.name()),
        "kept": kept(key.storage),
    })
}
