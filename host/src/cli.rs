//! The command line: arguments in, output and an exit code out.
//!
//! One struct a subcommand, its doc comment the help, one `execute` that takes
//! its output as a parameter. What a file or the environment may say as well is
//! handed to `config` as overrides; this is the only module that knows clap.
//! Text from peers, plugins and chains is escaped before it is written.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | something failed |
//! | 2 | wrong usage or configuration |
//! | 3 | the chain cannot be reached, or said no |
//! | 4 | a plugin was refused |
//! | 5 | no node runs there |

mod arguments;
mod backtest;
mod compile_plugin;
mod completions;
mod components;
mod demo;
mod devchain;
mod epochs;
mod evidence;
mod exit;
mod guard;
mod keys;
mod logging;
mod node;
mod plugin;
mod progress;
mod provider;
mod reload;
mod rent;
mod rental;
mod replay;
mod run;
mod scaffold;
mod shutdown;
mod status;
mod subnet;
mod surroundings;
mod table;
mod trial;
mod wallet;

use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::{Folders, Settings, Sources};

pub use exit::Exit;

use arguments::Overrides;

/// A node for Bittensor compute subnets: runs a miner or a validator.
///
/// What a subnet argues about and changes every week - scoring policies,
/// challenges, solvers - are sandboxed WebAssembly plugins, swapped while the
/// node runs.
#[derive(Debug, Parser)]
#[command(name = "host", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  host demo                        a whole subnet in one process; no network, nothing to configure
  host devchain                    a chain of your own, for trying things out
  host run --role miner            says what it needs to be told

Settings come from a file, then the environment (HOST_*), then flags; see `host run --help`.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 chain, 4 plugin refused, 5 no node runs.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Devchain(devchain::Devchain),
    Subnet(subnet::Subnet),
    Plugin(plugin::Plugin),
    Provider(provider::Provider),
    Rental(rental::Rental),
    Rent(rent::Rent),
    Wallet(wallet::Wallet),
    Status(status::Status),
    Guard(guard::Guard),
    Reload(reload::Reload),
    Replay(replay::Replay),
    Evidence(evidence::Evidence),
    Backtest(backtest::Backtest),
    Completions(completions::Completions),
    #[command(hide = true)]
    CompilePlugin(compile_plugin::CompilePlugin),
}

/// What a subcommand may touch of the world around it.
pub(crate) struct World<'a> {
    /// Standard output.
    pub(crate) out: &'a mut dyn Write,
    /// The process's variables that are UTF-8.
    pub(crate) environment: Vec<(String, String)>,
    /// The platform's folders.
    pub(crate) folders: Folders,
}

impl World<'_> {
    /// File, environment and flags.
    pub(crate) fn settings(&self, arguments: &impl Overrides) -> anyhow::Result<Settings> {
        Ok(Settings::load(self.sources(arguments))?)
    }

    /// What settings are read from, once or again.
    pub(crate) fn sources(&self, arguments: &impl Overrides) -> Sources {
        Sources {
            file: arguments.file(),
            environment: self.environment.clone(),
            overrides: arguments.overrides(),
            folders: self.folders.clone(),
        }
    }
}

/// Parses `arguments` and does what they say; errors go to `err`.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes; clap knows where they go and in which colours.
            let printed = error.print();
            return match (error.use_stderr(), printed) {
                (true, _) => Exit::Usage,
                (false, Err(_)) => Exit::Failure,
                (false, Ok(())) => Exit::Done,
            };
        }
    };
    match cli.execute(environment, out) {
        Ok(()) => Exit::Done,
        Err(error) if exit::is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            // There is nowhere left to say that stderr is gone.
            let _ = exit::explain(&error, err);
            Exit::of(&error)
        }
    }
}

impl Cli {
    fn execute(
        self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        // It has no environment, so no home folder either.
        if let Command::CompilePlugin(compile) = self.command {
            return compile.execute(out);
        }
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut world = World {
            out,
            environment,
            folders: Folders::of_this_user()
                .context("this user has no home folder; set HOME to one")?,
        };
        match self.command {
            Command::Demo(demo) => demo.execute(&mut world),
            Command::Run(run) => run.execute(&mut world),
            Command::Devchain(devchain) => devchain.execute(&mut world),
            Command::Subnet(subnet) => subnet.execute(&mut world),
            Command::Wallet(wallet) => wallet.execute(&mut world),
            Command::Plugin(plugin) => plugin.execute(&mut world),
            Command::Provider(provider) => provider.execute(&mut world),
            Command::Rental(rental) => rental.execute(&mut world),
            Command::Rent(rent) => rent.execute(&mut world),
            Command::Status(status) => status.execute(&mut world),
            Command::Guard(guard) => guard.execute(&mut world),
            Command::Reload(reload) => reload.execute(&mut world),
            Command::Replay(replay) => replay.execute(&mut world),
            Command::Evidence(evidence) => evidence.execute(&mut world),
            Command::Backtest(backtest) => backtest.execute(&mut world),
            Command::Completions(completions) => completions.execute(&mut world),
            Command::CompilePlugin(compile) => compile.execute(world.out),
        }?;
        world.out.flush()?;
        Ok(())
    }
}

/// A runtime for a subcommand that asks one thing and ends.
pub(crate) fn small_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A value as JSON, for programs.
pub(crate) fn print_json(out: &mut dyn Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}
