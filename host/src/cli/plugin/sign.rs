//! `host plugin sign`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::cli::arguments::WalletArgs;
use crate::cli::exit::Usage;
use crate::cli::{World, keys, small_runtime};
use crate::plugin::manifest::{Declared, Instant, Manifest, SettingKind, Signed, Want, embed};
use crate::plugin::package::{PackageSource as _, manifest_path};
use crate::plugin::{
    Child, Compilation, Described, Engine, FileSource, Limits, Package, Workshop, describe,
};
use crate::subnet::Netuid;
use crate::subnet::trust::Subject;

/// Sign a component or a data pack with the hotkey.
///
/// Writes the manifest beside the file (x.manifest beside x.wasm), or adds a
/// signature to the one that is there: for k of n, each signs in turn. What the
/// manifest says of name, version and world is what the component itself says.
/// The signed text begins with compute-subnet/manifest/1; it is the manifest
/// without its signature lines, so that what one reads is what one signs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin sign my_policy.wasm --sequence 1 --wallet.name default --wallet.hotkey publisher
  host plugin sign my_policy.wasm --wallet.name other       adds a second signature
  host plugin sign gpu-prices.toml --name gpu-prices --version 1.4.0 --sequence 12")]
pub(super) struct Sign {
    /// The component, a .wasm file, or the data pack, .toml or .json
    file: PathBuf,
    #[command(flatten)]
    says: Says,
    /// Say something else than the manifest that is there; its signatures go
    #[arg(long)]
    replace: bool,
    /// Write the manifest into the component instead, as its last section
    #[arg(long)]
    embed: bool,
    #[command(flatten)]
    wallet: WalletArgs,
}

/// What a new manifest says.
#[derive(Debug, Args)]
#[command(next_help_heading = "A new manifest")]
struct Says {
    /// A number that grows with each release of this name
    #[arg(long, value_name = "N")]
    sequence: Option<u64>,
    /// Only for this subnet [default: any]
    #[arg(long = "for-netuid", value_name = "N")]
    netuid: Option<Netuid>,
    /// Not to be taken from then on, such as 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    expires: Option<Instant>,
    /// What it asks for, such as 'limit fuel 40000000000' or 'http https://api.example.com'; may be
    /// repeated. What an adapter says it wants is added
    #[arg(long = "want", value_name = "KIND WHAT", value_parser = want)]
    wants: Vec<Want>,
    /// A setting it understands: 'NAME text|integer|flag|list DESCRIPTION'; may be repeated
    #[arg(long = "setting", value_name = "NAME KIND DESCRIPTION", value_parser = setting)]
    settings: Vec<Declared>,
    /// A line for whoever reads it; may be repeated
    #[arg(long = "note", value_name = "TEXT")]
    notes: Vec<String>,
    /// A data pack's name [default: the file's]
    #[arg(long)]
    name: Option<String>,
    /// A data pack's version
    #[arg(long)]
    version: Option<String>,
}

fn moment(text: &str) -> Result<Instant, String> {
    text.parse()
        .map_err(|()| "a moment is written as 2027-01-31T00:00:00Z".to_owned())
}

fn want(text: &str) -> Result<Want, String> {
    let (kind, what) = text
        .split_once(' ')
        .ok_or("a want is a kind and what is wanted")?;
    Ok(Want {
        kind: kind.to_owned(),
        what: what.to_owned(),
    })
}

fn setting(text: &str) -> Result<Declared, String> {
    let mut parts = text.splitn(3, ' ');
    let mut next = || parts.next().ok_or("a setting is NAME KIND DESCRIPTION");
    let (name, kind, description) = (next()?, next()?, next()?);
    Ok(Declared {
        name: name.to_owned(),
        kind: SettingKind::from_name(kind).ok_or("a kind is text, integer, flag or list")?,
        description: description.to_owned(),
    })
}

impl Sign {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let wallet = world.settings(&self.wallet)?.named_wallet()?;
        let hotkey = small_runtime()?.block_on(keys::hotkey(&wallet))?;
        let package = FileSource {
            path: self.file.clone(),
            bytes_max: Limits::default().component_bytes_max,
        }
        .fetch()?;
        let mut signed = self.manifest(&package)?;
        signed.sign(&*hotkey);
        let written = self.write(&package, &signed)?;
        writeln!(world.out, "{}", signed.manifest.text())?;
        writeln!(
            world.out,
            "{} signatures in {}",
            signed.signatures.len(),
            written.display()
        )?;
        Ok(())
    }

    fn manifest(&self, package: &Package) -> anyhow::Result<Signed> {
        match &package.manifest {
            Some(signed) if !self.replace => {
                if self.says.anything() {
                    bail!(Usage("there is a manifest already, and a signature adds nothing to what it says; --replace writes another".into()));
                }
                if signed.manifest.digest != package.digest {
                    bail!(Usage(
                        "the manifest that is there is of other bytes; --replace writes another"
                            .into()
                    ));
                }
                Ok(signed.clone())
            }
            _ => Ok(self.says.manifest(&self.file, package)?.unsigned()?),
        }
    }

    fn write(&self, package: &Package, signed: &Signed) -> anyhow::Result<PathBuf> {
        if self.embed {
            if !package.is_code() {
                bail!(Usage("only a component can carry its manifest".into()));
            }
            let whole = embed::join(&package.bytes, &signed.to_bytes());
            write(&self.file, &whole)?;
            return Ok(self.file.clone());
        }
        let path = manifest_path(&self.file);
        write(&path, &signed.to_bytes())?;
        Ok(path)
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{} is not written", path.display()))
}

impl Says {
    fn anything(&self) -> bool {
        self.sequence.is_some()
            || self.netuid.is_some()
            || self.expires.is_some()
            || self.name.is_some()
            || self.version.is_some()
            || !(self.wants.is_empty() && self.settings.is_empty() && self.notes.is_empty())
    }

    fn manifest(&self, file: &Path, package: &Package) -> anyhow::Result<Manifest> {
        let sequence = self.sequence.ok_or_else(|| {
            Usage("say which number this release has: --sequence 1, and more with each release, since lower ones are refused afterwards".into())
        })?;
        let mut wants = self.wants.clone();
        let (name, version, subject) = if package.is_code() {
            let described = component(package)?;
            wants.extend(described.wants.iter().map(Want::of));
            let subject = Subject::Plugin(described.world);
            (described.name, described.version, subject)
        } else {
            self.pack(file)?
        };
        wants.sort();
        wants.dedup();
        let mut settings = self.settings.clone();
        settings.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Manifest {
            name,
            version,
            subject,
            digest: package.digest,
            netuid: self.netuid,
            sequence,
            expires: self.expires,
            wants,
            settings,
            notes: self.notes.clone(),
        })
    }

    fn pack(&self, file: &Path) -> anyhow::Result<(String, String, Subject)> {
        let stem = || Some(file.file_stem()?.to_str()?.to_owned());
        let name = self.name.clone().or_else(stem);
        let version = self.version.clone();
        match (name, version) {
            (Some(name), Some(version)) => Ok((name, version, Subject::DataPack)),
            _ => bail!(Usage(
                "a data pack says nothing of itself: --name gpu-prices --version 1.0.0".into()
            )),
        }
    }
}

/// As it describes itself: what a manifest says otherwise would be refused.
fn component(package: &Package) -> anyhow::Result<Described> {
    let workshop = Workshop {
        compilation: Compilation::Child(Child::of_this_binary()?),
        cache: None,
    };
    let engine = Engine::with(Limits::default(), workshop)?;
    Ok(describe(&engine, &package.bytes)?)
}
