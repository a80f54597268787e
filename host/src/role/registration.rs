//! A slot in the subnet, taken only with the operator's leave and price limit.

use tracing::info;

use crate::subnet::Netuid;
use crate::subnet::chain::{Chain, ChainError, Metagraph};
use crate::subnet::key::AccountId;

/// Why a node has no slot, or cannot know.
#[derive(Debug, thiserror::Error)]
pub enum NoSlot {
    /// Only the operator can mend it.
    #[error(
        "hotkey {hotkey} is not registered in subnet {netuid}. Add `--register --register-limit-rao {price_rao}` \
         to take a slot at today's price, or register it with btcli"
    )]
    NotRegistered {
        /// Whose slot is missing.
        hotkey: AccountId,
        /// The subnet.
        netuid: Netuid,
        /// What it costs now.
        price_rao: u64,
    },
    /// The chain said no, or nothing.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl NoSlot {
    /// Whether waiting may mend it.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::Chain(
                ChainError::Unreachable(_) | ChainError::Nonsense(_) | ChainError::Unknown(_)
            )
        )
    }
}

/// The metagraph, with `me` in it: takes a slot if there is none and a limit allows it.
pub(super) async fn registered(
    chain: &dyn Chain,
    netuid: Netuid,
    me: AccountId,
    limit_rao: Option<u64>,
) -> Result<Metagraph, NoSlot> {
    let metagraph = chain.metagraph(netuid).await?;
    if metagraph.neuron(&me).is_some() {
        return Ok(metagraph);
    }
    let Some(limit_rao) = limit_rao else {
        let price_rao = metagraph.rules.burn_rao;
        return Err(NoSlot::NotRegistered {
            hotkey: me,
            netuid,
            price_rao,
        });
    };
    info!(hotkey = %me, netuid, limit_rao, "registering");
    let included = chain.register(netuid, limit_rao).await?;
    info!(block = included.block, "registered");
    Ok(chain.metagraph(netuid).await?)
}
