//! `host evidence`: a validator's evidence in a file that others can check.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;

use crate::role::bundle::{self, BundleError, Line, Writer};
use crate::store::StoreReader;
use crate::subnet::evidence::StoreOwner;
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{Digest, PluginId};
use crate::subnet::text::escape;

use super::arguments::{NodeArgs, Overrides, WalletArgs};
use super::components::Components;
use super::epochs::Epochs;
use super::progress::Progress;
use super::replay::{Repeated, epoch, report, session};
use super::{World, keys, small_runtime};
use crate::config::Override;

/// Epochs, and sessions, in one bundle.
const BUNDLED_MAX: usize = 10_000;

/// Hand out a validator's evidence, or check somebody else's.
///
/// A bundle holds epochs and sessions with all they were worked out from,
/// signed by the validator's hotkey. Whoever has it and the .wasm files can
/// repeat every decision.
#[derive(Debug, Args)]
pub(super) struct Evidence {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Export(Export),
    Verify(Verify),
}

/// Write evidence to a file and sign it with the hotkey.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host evidence export --epochs 120..130 --out evidence.jsonl")]
struct Export {
    /// Epochs: 7, 7..12, 7.. or ..12, both ends included [default: all]
    #[arg(long, value_name = "RANGE")]
    epochs: Option<Epochs>,
    /// Leave the challenge sessions out
    #[arg(long)]
    no_sessions: bool,
    /// The file; one that exists is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    wallet: WalletArgs,
}

/// Check a bundle: who signed it, and that every result follows from it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host evidence verify evidence.jsonl --wasm policy.wasm --signer 5F...

What this binary carries needs no --wasm.
Exit code 1 means that the bundle proves nothing, or that something differs.")]
struct Verify {
    /// The bundle
    file: PathBuf,
    /// A component that was used; may be given more than once
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
    /// Who must have signed it
    #[arg(long, value_name = "SS58")]
    signer: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Evidence {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        match self.action {
            Action::Export(export) => export.execute(world),
            Action::Verify(verify) => verify.execute(world),
        }
    }
}

/// Node and wallet flags together.
struct Flags<'a>(&'a NodeArgs, &'a WalletArgs);

impl Overrides for Flags<'_> {
    fn file(&self) -> Option<PathBuf> {
        self.0.file()
    }

    fn overrides(&self) -> Vec<Override> {
        let mut overrides = self.0.overrides();
        overrides.extend(self.1.overrides());
        overrides
    }
}

impl Export {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let node = match self.node.is_specific() {
            true => self.node.clone(),
            false => self.node.with_role("validator"),
        };
        let settings = world.settings(&Flags(&node, &self.wallet))?;
        let evidence = StoreReader::open(&settings.state_folder)?;
        let owner = evidence
            .owner()?
            .context("the evidence store belongs to nobody yet; run the validator first")?;
        let wallet = settings.named_wallet()?;
        let hotkey = small_runtime()?.block_on(keys::hotkey(&wallet))?;
        if hotkey.account() != owner.hotkey {
            bail!(
                "this is the evidence of {}, and the wallet's hotkey is {}; name the right one \
                 with --wallet.name and --wallet.hotkey",
                owner.hotkey,
                hotkey.account()
            );
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.out)
            .with_context(|| format!("{} cannot be made", escape(&self.out.to_string_lossy())))?;
        let counts = self.write(BufWriter::new(&file), owner, &evidence, &*hotkey)?;
        file.sync_all()?;
        writeln!(
            world.out,
            "{} epochs and {} sessions, signed by {}, are in {}",
            counts.0,
            counts.1,
            hotkey.account(),
            escape(&self.out.to_string_lossy())
        )?;
        Ok(())
    }

    fn write(
        &self,
        to: impl std::io::Write,
        owner: StoreOwner,
        evidence: &StoreReader,
        hotkey: &dyn crate::subnet::key::Signer,
    ) -> anyhow::Result<(usize, usize)> {
        let mut writer = Writer::new(to, owner)?;
        let range = self.epochs.clone().unwrap_or_default().0;
        let epochs = evidence.epoch_numbers(range, BUNDLED_MAX)?;
        let sessions = match self.no_sessions {
            true => Vec::new(),
            false => evidence.ended_sessions(BUNDLED_MAX)?,
        };
        let mut progress = Progress::new("written", epochs.len() + sessions.len());
        let mut said = BTreeSet::new();
        for number in &epochs {
            if let Some(record) = evidence.epoch(*number)? {
                settings_of(&record.policy, evidence, &mut said, &mut writer)?;
                writer.write(&Line::Epoch(Box::new(record)))?;
            }
            progress.step();
        }
        for id in &sessions {
            if let Some(ended) = evidence.ended_session(id)? {
                settings_of(&ended.record.generator, evidence, &mut said, &mut writer)?;
                writer.write(&Line::Session(Box::new(ended)))?;
            }
            progress.step();
        }
        progress.done();
        writer.sign(hotkey)?;
        Ok((epochs.len(), sessions.len()))
    }
}

/// A plugin's settings go before its first result.
fn settings_of<W: std::io::Write>(
    id: &PluginId,
    evidence: &StoreReader,
    said: &mut BTreeSet<Digest>,
    writer: &mut Writer<W>,
) -> anyhow::Result<()> {
    if said.insert(id.settings)
        && let Some(table) = evidence.settings(id.settings)?
    {
        let digest = id.settings;
        writer.write(&Line::Settings { digest, table })?;
    }
    Ok(())
}

impl Verify {
    fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        // Who signed comes first: nothing is worked out for a stranger's file.
        let (heading, signed) = bundle::read(self.open()?, |_| Ok(()))?;
        if let Some(signer) = self.signer
            && signed.account != signer
        {
            bail!(
                "the bundle is signed by {}, not by {signer}",
                signed.account
            );
        }
        if signed.account != heading.owner.hotkey {
            bail!(
                "the bundle is said to be of {} and signed by {}",
                heading.owner.hotkey,
                signed.account
            );
        }
        let settings = world.settings(&NodeArgs::default().with_role("validator"))?;
        let mut components = Components::new(&settings, &self.wasm)?;
        let all = self.repeat(&mut components)?;
        if !self.json {
            writeln!(
                world.out,
                "signed by {}, netuid {}, by {}",
                signed.account,
                heading.owner.netuid,
                escape(&heading.software)
            )?;
        }
        report(world, &all, self.json)
    }

    fn open(&self) -> anyhow::Result<BufReader<File>> {
        let shown = || format!("{} cannot be read", escape(&self.file.to_string_lossy()));
        Ok(BufReader::new(File::open(&self.file).with_context(shown)?))
    }

    fn repeat(&self, components: &mut Components) -> anyhow::Result<Vec<Repeated>> {
        let runtime = small_runtime()?;
        let mut all = Vec::new();
        bundle::read(self.open()?, |line| {
            match line {
                Line::Settings { digest, table } => components.know(digest, table),
                Line::Epoch(record) => all.push(runtime.block_on(epoch(components, &record))),
                Line::Session(ended) => all.push(runtime.block_on(session(components, &ended))),
                Line::Bundle(_) | Line::Signature(_) => {
                    return Err(BundleError::Malformed(
                        0,
                        "a second heading or signature".to_owned(),
                    ));
                }
            }
            Ok(())
        })?;
        Ok(all)
    }
}
