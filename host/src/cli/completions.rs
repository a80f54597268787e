//! `host completions`: what a shell needs to complete `host`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, World};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host completions bash > ~/.local/share/bash-completion/completions/host
  host completions zsh > \"${fpath[1]}/_host\"
  host completions fish > ~/.config/fish/completions/host.fish")]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        // Written to memory first: the generator panics on a closed pipe.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "host", &mut script);
        world.out.write_all(&script)?;
        Ok(())
    }
}
