//! `host plugin new`: a crate to begin with.
//!
//! It holds all it needs: the contract as this binary speaks it, a component
//! that builds and passes, its tests and a case for `host plugin run`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::subnet::text::escape;

use super::World;
use super::exit::Usage;

/// The longest name of a plugin.
const NAME_BYTES_MAX: usize = 64;

/// Write a crate for a plugin of your own.
///
/// It builds both ways, `cargo build --target wasm32-wasip2` and `cargo
/// component build`, and passes its tests; src/lib.rs says what to type next.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host plugin new my-policy --world scoring-policy")]
pub(super) struct New {
    /// Its name: letters a to z, digits and hyphens
    name: String,
    /// What it is to be
    #[arg(long)]
    world: Template,
    /// Where to write it [default: a new folder of its name]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Template {
    /// Scores miners
    ScoringPolicy,
    /// Sets and judges challenges
    ChallengeGenerator,
    /// Answers challenges
    ChallengeSolver,
    /// Rents machines
    ProviderAdapter,
}

macro_rules! contract {
    ($($file:literal),+) => {
        [$(($file, include_str!(concat!("../../../wit/compute-subnet@0.1.0/", $file)))),+]
    };
}

/// The contract, file by file.
const CONTRACT: [(&str, &str); 12] = contract![
    "accelerator.wit",
    "challenge.wit",
    "http.wit",
    "log.wit",
    "machine.wit",
    "plugin.wit",
    "provider.wit",
    "scoring.wit",
    "settings.wit",
    "solver.wit",
    "types.wit",
    "worlds.wit"
];
const CARGO: &str = include_str!("../../../examples/hello-policy/Cargo.toml");
const IGNORED: &str = "/target\n/src/bindings.rs\n";

impl Template {
    fn world(self) -> &'static str {
        match self {
            Self::ScoringPolicy => "scoring-policy",
            Self::ChallengeGenerator => "challenge-generator",
            Self::ChallengeSolver => "challenge-solver",
            Self::ProviderAdapter => "provider-adapter",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::ScoringPolicy => "A scoring policy",
            Self::ChallengeGenerator => "A challenge generator",
            Self::ChallengeSolver => "A challenge solver",
            Self::ProviderAdapter => "A provider adapter",
        }
    }

    fn source(self, name: &str) -> String {
        let snake = name.replace('-', "_");
        match self {
            Self::ScoringPolicy => include_str!("../../../examples/hello-policy/src/lib.rs")
                .replace("hello-policy", name)
                .replace("hello_policy", &snake),
            Self::ChallengeGenerator => include_str!("scaffold/generator.rs.txt")
                .replace("NAME_SNAKE", &snake)
                .replace("NAME", name),
            Self::ChallengeSolver => include_str!("scaffold/solver.rs.txt")
                .replace("NAME_SNAKE", &snake)
                .replace("NAME", name),
            Self::ProviderAdapter => include_str!("scaffold/provider.rs.txt")
                .replace("NAME_SNAKE", &snake)
                .replace("NAME", name),
        }
    }

    fn case(self) -> &'static str {
        match self {
            Self::ScoringPolicy => include_str!("../../../examples/hello-policy/cases/first.json"),
            Self::ChallengeGenerator => include_str!("scaffold/generator.json"),
            Self::ChallengeSolver => include_str!("scaffold/solver.json"),
            Self::ProviderAdapter => include_str!("scaffold/provider.json"),
        }
    }

    fn cargo(self, name: &str) -> String {
        CARGO
            .replace(
                "The smallest scoring policy: a point for every passed challenge",
                self.summary(),
            )
            .replace("hello-policy", name)
            .replace("scoring-policy", self.world())
    }
}

impl New {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        if !is_name(&self.name) {
            return Err(Usage(format!(
                "`{}` is no name for a plugin: a to z first, then a to z, digits and single \
                 hyphens, {NAME_BYTES_MAX} at most",
                escape(&self.name)
            ))
            .into());
        }
        let folder = self
            .folder
            .clone()
            .unwrap_or_else(|| PathBuf::from(&self.name));
        let shown = escape(&folder.display().to_string());
        fs::create_dir(&folder)
            .with_context(|| format!("{shown} cannot be made; choose another with --folder"))?;
        self.write(&folder)?;
        writeln!(
            world.out,
            "{shown} is a {}; next:\n  cd {shown}\n  cargo test\n  \
             cargo build --release --target wasm32-wasip2\n  \
             host plugin run target/wasm32-wasip2/release/{}.wasm --input cases/first.json",
            self.world.world(),
            self.name.replace('-', "_")
        )?;
        Ok(())
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for inner in ["src", "wit", "cases"] {
            fs::create_dir(folder.join(inner))?;
        }
        let put = |path: &str, text: &str| -> anyhow::Result<()> {
            let mut file = fs::File::create_new(folder.join(path))
                .with_context(|| format!("{path} cannot be written"))?;
            Ok(file.write_all(text.as_bytes())?)
        };
        put("Cargo.toml", &self.world.cargo(&self.name))?;
        put(".gitignore", IGNORED)?;
        put("src/lib.rs", &self.world.source(&self.name))?;
        put("cases/first.json", self.world.case())?;
        for (file, text) in CONTRACT {
            put(&format!("wit/{file}"), text)?;
        }
        Ok(())
    }
}

/// What cargo takes for a crate and WIT for a package.
fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    starts
        && name.len() <= NAME_BYTES_MAX
        && name.chars().all(allowed)
        && !name.ends_with('-')
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_and_the_contract_take() {
        for name in ["a", "my-policy", "p2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "My", "2p", "a--b", "a-", "../x", "a b", "a_b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn no_placeholder_is_left_in_a_crate() {
        for template in Template::value_variants() {
            let source = template.source("my-thing");
            assert!(source.contains("my_thing.wasm"), "{}", template.world());
            assert!(!source.contains("NAME_SNAKE") && !source.contains("\"NAME\""));
            assert!(template.cargo("my-thing").contains(template.world()));
        }
    }
}
