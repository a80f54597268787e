//! Keys that come to be: new ones, and old ones from what they were made of.
//!
//! What can fail is done first, then the words are shown, then the file is
//! written: words that nobody could read leave no key behind. No secret is taken
//! as an argument, which every other process could read.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::arguments::WalletArgs;
use crate::cli::{World, print_json};
use crate::subnet::key::{AccountId, Scheme};
use crate::wallet::{NewKey, Passwords, Wallet as Folder, Which, Words};

/// The longest line a secret is read from: 24 words are shorter.
const SECRET_BYTES_MAX: u64 = 1024;

/// Make a hotkey and print the words it can be restored from.
///
/// Never overwrites a key. The words are shown once: write them down.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet new-hotkey --wallet.name default --wallet.hotkey miner")]
pub(super) struct NewHotkey {
    #[command(flatten)]
    new: New,
    /// Encrypt it; a node that starts by itself then needs the password as well
    #[arg(long)]
    password: bool,
}

/// Make a coldkey and print the words it can be restored from.
///
/// Best done on a machine that is no node's. Encrypted under a password, as
/// btcli does it, which takes 512 MiB and some seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host wallet new-coldkey --wallet.name default")]
pub(super) struct NewColdkey {
    #[command(flatten)]
    new: New,
    /// Leave it plain: for keys that own nothing
    #[arg(long)]
    no_password: bool,
}

#[derive(Debug, Args)]
struct New {
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    kind: Kind,
    /// How many words
    #[arg(long, visible_alias = "n-words", default_value = "12", value_parser = ["12", "24"])]
    words: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Restore a key from its words, its seed or its private key.
///
/// They are asked for on the terminal, or read from the first line of standard
/// input, and never taken as arguments, which other users can see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host wallet regen --wallet.name default --wallet.hotkey miner
  host wallet regen --wallet.name default --wallet.hotkey miner < words.txt
  host wallet regen --wallet.name default --coldkey")]
pub(super) struct Regen {
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    kind: Kind,
    /// Restore the coldkey instead of a hotkey
    #[arg(long)]
    coldkey: bool,
    /// Encrypt it [default: coldkeys only]
    #[arg(long, conflicts_with = "no_password")]
    password: bool,
    /// Leave it plain
    #[arg(long)]
    no_password: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How the key signs.
#[derive(Debug, Args)]
struct Kind {
    /// How the key signs; the chain and the SDK know both
    #[arg(
        long,
        visible_alias = "crypto-type",
        value_enum,
        default_value = "sr25519"
    )]
    scheme: SchemeName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemeName {
    Sr25519,
    Ed25519,
}

impl Kind {
    fn scheme(&self) -> Scheme {
        match self.scheme {
            SchemeName::Sr25519 => Scheme::Sr25519,
            SchemeName::Ed25519 => Scheme::Ed25519,
        }
    }
}

/// Whether a key's file is encrypted.
#[derive(Clone, Copy)]
enum Protection {
    Password,
    Plain,
}

impl From<bool> for Protection {
    fn from(password: bool) -> Self {
        if password {
            Self::Password
        } else {
            Self::Plain
        }
    }
}

impl NewHotkey {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (folder, name) = super::folder(world, &self.new.wallet)?;
        let which = Which::Hotkey(&name);
        self.new.make(world, &folder, which, self.password.into())
    }
}

impl NewColdkey {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (folder, _) = super::folder(world, &self.new.wallet)?;
        let protection = Protection::from(!self.no_password);
        self.new.make(world, &folder, Which::Coldkey, protection)
    }
}

impl New {
    fn make(
        &self,
        world: &mut World<'_>,
        folder: &Folder,
        which: Which<'_>,
        protection: Protection,
    ) -> anyhow::Result<()> {
        let words = match self.words.as_str() {
            "24" => Words::TwentyFour,
            _ => Words::Twelve,
        };
        let key = NewKey::generate(self.kind.scheme(), words)?;
        write(world, folder, which, &key, protection, |world, path| {
            let made = Made::of(&key, path, key.phrase());
            made.show(world, self.json)
        })
    }
}

impl Regen {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (folder, name) = super::folder(world, &self.wallet)?;
        let (which, encrypted) = match self.coldkey {
            true => (Which::Coldkey, !self.no_password),
            false => (Which::Hotkey(&name), self.password),
        };
        let key = NewKey::restore(&secret()?, self.kind.scheme())?;
        write(
            world,
            &folder,
            which,
            &key,
            encrypted.into(),
            |world, path| Made::of(&key, path, None).show(world, self.json),
        )
    }
}

/// Everything that can fail, then `show`, then the file.
fn write(
    world: &mut World<'_>,
    folder: &Folder,
    which: Which<'_>,
    key: &NewKey,
    protection: Protection,
    show: impl FnOnce(&mut World<'_>, &Path) -> io::Result<()>,
) -> anyhow::Result<()> {
    let path = folder.vacant(which, &key.account())?;
    let password = match protection {
        Protection::Plain => None,
        Protection::Password => Some(Passwords::of_process().to_seal(&path)?),
    };
    let unwritten = folder.prepare(which, key, password.as_ref())?;
    show(world, &path)
        .and_then(|()| world.out.flush())
        .map_err(|error| {
            // As text: a pipe that was closed here is a failure, not an end.
            anyhow::anyhow!("what to write down could not be shown ({error}), so no key was made")
        })?;
    unwritten
        .write()
        .context("no key was made: what was shown stands for nothing")
}

/// What is told of a key, once.
#[derive(Serialize)]
struct Made<'a> {
    address: AccountId,
    scheme: &'static str,
    file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<&'a str>,
}

impl<'a> Made<'a> {
    fn of(key: &NewKey, file: &'a Path, phrase: Option<&'a str>) -> Self {
        Self {
            address: key.account(),
            scheme: key.scheme().name(),
            file,
            phrase,
        }
    }

    fn show(&self, world: &mut World<'_>, json: bool) -> io::Result<()> {
        if json {
            return print_json(world.out, self).map_err(io::Error::other);
        }
        writeln!(world.out, "address  {}", self.address)?;
        writeln!(world.out, "scheme   {}", self.scheme)?;
        writeln!(world.out, "file     {}", self.file.display())?;
        let Some(phrase) = self.phrase else {
            return Ok(());
        };
        writeln!(world.out, "words    {phrase}")?;
        writeln!(
            world.out,
            "Write the words down: whoever has them has the key, and they are not shown again."
        )
    }
}

/// From the terminal, unseen, or from standard input.
fn secret() -> anyhow::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        let asked = rpassword::prompt_password("Words, seed or private key (not shown): ");
        return Ok(Zeroizing::new(asked.context("nothing could be read")?));
    }
    let mut line = Zeroizing::new(String::with_capacity(1100));
    io::stdin()
        .lock()
        .take(SECRET_BYTES_MAX)
        .read_line(&mut line)
        .context("the words could not be read from standard input")?;
    Ok(line)
}
