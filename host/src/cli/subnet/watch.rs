//! `host subnet watch`: what happens in a subnet, a line for each thing.
//!
//! Every final block the subnet is read once and compared with what it was.
//! While the chain is away that is said, and it goes on when it is back.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::chain::Subtensor;
use crate::subnet::chain::{Chain as _, ChainError, Metagraph};
use crate::subnet::key::AccountId;
use crate::subnet::text::escape;
use crate::subnet::{BlockNumber, Netuid, Uid};

use super::super::World;
use super::{SubnetArgs, reader};

/// Without a block for so long, the chain is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(60);

/// Follow the subnet: its blocks, epochs, weights, and who comes and goes.
///
/// Ends with Ctrl-C, or after --blocks. With --json each line is one object.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  host subnet watch --netuid 12 --network finney")]
pub(super) struct Watch {
    #[command(flatten)]
    subnet: SubnetArgs,
    /// End after so many blocks
    #[arg(long, value_name = "N")]
    blocks: Option<u64>,
    /// Print JSON, a line for each thing
    #[arg(long)]
    json: bool,
}

/// Something that happened.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum News {
    /// A final block.
    Block {
        block: BlockNumber,
        epoch: u64,
        next_epoch_block: Option<BlockNumber>,
    },
    /// An epoch ended and another began.
    Epoch { epoch: u64 },
    /// A neuron took a slot, or another's.
    Registered {
        uid: Uid,
        hotkey: AccountId,
        replaced: Option<AccountId>,
    },
    /// A neuron announced another address, or withdrew.
    Axon {
        uid: Uid,
        address: Option<SocketAddr>,
    },
    /// A validator set weights.
    Weights {
        uid: Uid,
        block: BlockNumber,
        weights: Vec<(Uid, u16)>,
    },
    /// The chain cannot be read at present.
    Away { reason: String },
}

impl Watch {
    pub(super) async fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let (chain, netuid) = reader(world, &self.subnet)?;
        let mut heads = chain.heads();
        let mut before: Option<Metagraph> = None;
        let (mut away, mut seen) = (false, 0);
        while self.blocks.is_none_or(|limit| seen < limit) {
            match chain.metagraph(netuid).await {
                Ok(now) if before.as_ref().is_some_and(|b| b.block == now.block) => {}
                Ok(now) => {
                    for news in news(&chain, before.as_ref(), &now).await {
                        self.tell(world, &news)?;
                    }
                    before = Some(now);
                    (away, seen) = (false, seen + 1);
                }
                Err(error @ (ChainError::Unreachable(_) | ChainError::Nonsense(_))) => {
                    let reason = error.to_string();
                    if !std::mem::replace(&mut away, true) {
                        self.tell(world, &News::Away { reason })?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            // Without a head in time it asks anyway; a closed channel cannot be:
            // the chain lives as long as this.
            let _ = tokio::time::timeout(SILENCE, heads.changed()).await;
        }
        Ok(())
    }

    fn tell(&self, world: &mut World<'_>, news: &News) -> anyhow::Result<()> {
        match self.json {
            true => writeln!(world.out, "{}", serde_json::to_string(news)?)?,
            false => writeln!(world.out, "{}", escape(&news.to_string()))?,
        }
        world.out.flush()?;
        Ok(())
    }
}

/// What is new, with the weights that were set.
async fn news(chain: &Subtensor, before: Option<&Metagraph>, now: &Metagraph) -> Vec<News> {
    let mut news = changes(before, now);
    for news in &mut news {
        if let News::Weights { uid, weights, .. } = news {
            *weights = read_weights(chain, now.netuid, *uid).await;
        }
    }
    news
}

/// None if they cannot be read: that they were set is news enough.
async fn read_weights(chain: &Subtensor, netuid: Netuid, uid: Uid) -> Vec<(Uid, u16)> {
    let read = chain.weights(netuid, uid).await;
    read.map(|weights| weights.0).unwrap_or_default()
}

fn changes(before: Option<&Metagraph>, now: &Metagraph) -> Vec<News> {
    let mut news = vec![News::Block {
        block: now.block,
        epoch: now.epoch,
        next_epoch_block: now.next_epoch_block,
    }];
    let Some(before) = before else {
        return news;
    };
    if now.epoch != before.epoch {
        news.push(News::Epoch { epoch: now.epoch });
    }
    for neuron in &now.neurons {
        let uid = neuron.uid;
        let same = before.neurons.get(usize::from(uid));
        let replaced = same.map(|old| old.hotkey);
        if replaced != Some(neuron.hotkey) {
            news.push(News::Registered {
                uid,
                hotkey: neuron.hotkey,
                replaced,
            });
            continue;
        }
        let address = neuron.axon.map(|axon| axon.address);
        if same.and_then(|old| old.axon).map(|axon| axon.address) != address {
            news.push(News::Axon { uid, address });
        }
        if same.is_some_and(|old| old.last_update < neuron.last_update) {
            news.push(News::Weights {
                uid,
                block: neuron.last_update,
                weights: Vec::new(),
            });
        }
    }
    news
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block {
                block,
                epoch,
                next_epoch_block,
            } => {
                write!(f, "block {block}, epoch {epoch}")?;
                match next_epoch_block {
                    Some(end) => write!(f, ", {} blocks to go", end.saturating_sub(*block)),
                    None => Ok(()),
                }
            }
            Self::Epoch { epoch } => write!(f, "epoch {epoch} begins"),
            Self::Registered {
                uid,
                hotkey,
                replaced: Some(old),
            } => write!(f, "uid {uid} is now {hotkey}, in place of {old}"),
            Self::Registered { uid, hotkey, .. } => write!(f, "uid {uid} is taken by {hotkey}"),
            Self::Axon {
                uid,
                address: Some(address),
            } => write!(f, "uid {uid} serves at {address}"),
            Self::Axon { uid, .. } => write!(f, "uid {uid} serves no more"),
            Self::Weights {
                uid,
                block,
                weights,
            } => {
                write!(f, "uid {uid} set weights in block {block}:")?;
                weights
                    .iter()
                    .try_for_each(|(uid, weight)| write!(f, " {uid}={weight}"))
            }
            Self::Away { reason } => write!(f, "waiting: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::chain::testing::{metagraph, neuron};

    #[test]
    fn each_change_between_two_blocks_is_told_once() {
        let before = metagraph(vec![neuron(0), neuron(1), neuron(2)]);
        let mut now = before.clone();
        (now.block, now.epoch) = (101, 11);
        now.neurons[0].last_update = 101;
        now.neurons[1].axon = None;
        now.neurons[2].hotkey = AccountId([9; 32]);
        now.neurons.push(neuron(3));
        let told: Vec<String> = changes(Some(&before), &now)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told[0], "block 101, epoch 11, 9 blocks to go");
        assert_eq!(told[1], "epoch 11 begins");
        assert_eq!(told[2], "uid 0 set weights in block 101:");
        assert_eq!(told[3], "uid 1 serves no more");
        assert!(told[4].starts_with("uid 2 is now ") && told[4].contains("in place of"));
        assert!(told[5].starts_with("uid 3 is taken by "));
        assert_eq!(changes(Some(&now), &now).len(), 1);
        assert_eq!(changes(None, &now).len(), 1);
    }

    #[test]
    fn a_line_for_programs_says_what_it_is() {
        let line = serde_json::to_value(News::Epoch { epoch: 4 }).unwrap();
        assert_eq!(line, serde_json::json!({ "event": "epoch", "epoch": 4 }));
    }
}
