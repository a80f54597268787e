//! `host subnet commitment`: the few bytes that a hotkey publishes.

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::chain::{self, Field};
use crate::subnet::key::AccountId;

use super::super::arguments::{Overrides as _, WalletArgs};
use super::super::table::{Column, print};
use super::super::{World, keys, print_json};
use super::{SubnetArgs, With, actor, done, reader};

/// Show what a hotkey has published in the subnet, or publish something.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host subnet commitment 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --netuid 12 --network finney
  host subnet commitment --publish https://example.com --netuid 12 --network finney --wallet.name default")]
pub(super) struct Commitment {
    /// Whose; the wallet's hotkey by default
    #[arg(value_name = "SS58", conflicts_with = "publish")]
    account: Option<String>,
    /// Publish this text, for everybody to read
    #[arg(long, value_name = "TEXT")]
    publish: Option<String>,
    #[command(flatten)]
    subnet: SubnetArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Commitment {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let arguments = With(&self.subnet, self.wallet.overrides());
        if let Some(text) = &self.publish {
            let (chain, netuid) = actor(world, &arguments).await?;
            let included = chain.set_commitment(netuid, text.as_bytes()).await?;
            return done(world, self.json, "published", included, json!({}));
        }
        let account = match &self.account {
            Some(text) => AccountId::from_ss58(text).context("whose commitment?")?,
            None => {
                let wallet = world.settings(&arguments)?.named_wallet()?;
                keys::account(&wallet).await?
            }
        };
        let (chain, netuid) = reader(world, &self.subnet)?;
        let found = chain.commitment(netuid, account).await?;
        show(world, self.json, &account, found.as_ref())
    }
}

fn show(
    world: &mut World<'_>,
    json: bool,
    account: &AccountId,
    found: Option<&chain::Commitment>,
) -> anyhow::Result<()> {
    if json {
        return print_json(world.out, &found.map(value));
    }
    let Some(found) = found else {
        writeln!(world.out, "{account} has published nothing")?;
        return Ok(());
    };
    let columns = [Column::Text("kind"), Column::Text("content")];
    let rows = found
        .fields
        .iter()
        .map(|field| [field.kind.clone(), text(field)]);
    print(world.out, columns, rows)?;
    writeln!(world.out, "published in block {}", found.block)?;
    Ok(())
}

fn value(found: &chain::Commitment) -> serde_json::Value {
    let field = |field: &Field| {
        json!({
            "kind": field.kind,
            "hex": hex::encode(&field.bytes),
            "text": std::str::from_utf8(&field.bytes).ok(),
        })
    };
    let fields: Vec<_> = found.fields.iter().map(field).collect();
    json!({ "block": found.block, "fields": fields })
}

/// As text where it is some, else in hexadecimal.
fn text(field: &Field) -> String {
    match std::str::from_utf8(&field.bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("0x{}", hex::encode(&field.bytes)),
    }
}
