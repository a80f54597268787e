//! `host wallet`: keys in Bittensor's own layout.

mod make;
mod see;
mod text;

use clap::{Args, Subcommand};

use crate::wallet::Wallet as Folder;

use super::World;
use super::arguments::Overrides;
use super::exit::Usage;

/// Make, restore, list and use keys, in the layout btcli uses too.
///
/// A node signs with its hotkey alone. It needs the coldkey for nothing but
/// buying a slot: keep that one on another machine.
///
/// The password of an encrypted key comes from BT_PW_<PATH> (btcli's hidden form),
/// BT_WALLET_PASSWORD, the file that BT_WALLET_PASSWORD_FILE names, or the
/// terminal.
#[derive(Debug, Args)]
pub(super) struct Wallet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    NewHotkey(make::NewHotkey),
    NewColdkey(make::NewColdkey),
    Regen(make::Regen),
    List(see::List),
    Show(see::Show),
    Sign(text::Sign),
    Verify(text::Verify),
}

impl Wallet {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self.action {
            Action::NewHotkey(new) => new.execute(world),
            Action::NewColdkey(new) => new.execute(world),
            Action::Regen(regen) => regen.execute(world),
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
        anyhow::bail!(Usage("a development key has no wallet".into()));
    }
    Ok((Folder::new(&wallet.path, &wallet.name)?, wallet.hotkey))
}
