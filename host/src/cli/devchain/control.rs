//! `host devchain upgrade|fault|heal|advance|back`: tells a chain that runs.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use crate::devchain::{self, Spec};

use super::super::World;

/// Where `host devchain` listens unless told otherwise.
const DEFAULT_URL: &str = "ws://127.0.0.1:9944";

/// What a running development chain can be told.
#[derive(Debug, Subcommand)]
pub(super) enum Control {
    /// Exchange the runtime with the next block; storage stays
    Upgrade {
        /// The runtime: 393 or 461
        #[arg(value_parser = spec, default_value = "461")]
        spec: Spec,
        #[command(flatten)]
        chain: Chain,
    },
    /// Let something go wrong: hang, mute, nonsense, misaddress, cut,
    /// cut-when-submitted, stop-blocks, drop-reveals, metadata
    Fault {
        /// Which fault
        kind: String,
        /// Blocks of a hang; the spec whose metadata is served
        argument: Option<u64>,
        #[command(flatten)]
        chain: Chain,
    },
    /// Let all be well again
    Heal {
        #[command(flatten)]
        chain: Chain,
    },
    /// Make blocks at once, beside those that the timer makes
    Advance {
        /// How many
        #[arg(default_value_t = 1)]
        blocks: u64,
        #[command(flatten)]
        chain: Chain,
    },
    /// Go back to a block, as a reorganisation does
    Back {
        /// Its height
        height: u64,
        #[command(flatten)]
        chain: Chain,
    },
}

/// Which chain.
#[derive(Debug, Args)]
pub(super) struct Chain {
    /// The chain's address; loopback only
    #[arg(long, value_name = "WS URL", default_value = DEFAULT_URL)]
    url: String,
}

impl Control {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, method, params, done) = self.call();
        let answer = devchain::tell(&chain.url, method, params).await?;
        match answer.as_str() {
            Some(block) => writeln!(world.out, "{done}: the newest block is {block}")?,
            None => writeln!(world.out, "{done}")?,
        }
        Ok(())
    }

    fn call(self) -> (Chain, &'static str, Vec<Json>, String) {
        match self {
            Self::Upgrade { spec, chain } => {
                let number = spec.number();
                let done = format!("the next block brings the runtime of spec {number}");
                (chain, "dev_upgradeRuntime", vec![json!(number)], done)
            }
            Self::Fault {
                kind,
                argument,
                chain,
            } => {
                let done = format!("from now on: {kind}; host devchain heal takes it back");
                let params = vec![json!(kind), json!(argument)];
                (chain, "dev_fault", params, done)
            }
            Self::Heal { chain } => (chain, "dev_heal", Vec::new(), "all is well".into()),
            Self::Advance { blocks, chain } => {
                let done = format!("made {blocks} blocks");
                (chain, "dev_newBlock", vec![json!(blocks)], done)
            }
            Self::Back { height, chain } => {
                let done = format!("back at block {height}");
                (chain, "dev_setHead", vec![json!(height)], done)
            }
        }
    }
}

/// A runtime by its spec version.
pub(super) fn spec(text: &str) -> anyhow::Result<Spec> {
    match text.parse().ok().and_then(Spec::of) {
        Some(spec) => Ok(spec),
        None => {
            let known = Spec::ALL.map(|spec| spec.number().to_string());
            bail!("there are {}", known.join(" and "))
        }
    }
}
