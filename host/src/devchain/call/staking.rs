//! Calls that move stake.

use scale_decode::DecodeAsType;

use super::Arguments;
use crate::devchain::extrinsic::Malformed;

/// A call that moves stake. A limit is a price in rao for one alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum StakingCall {
    /// `add_stake` and `add_stake_limit`.
    Add(AddStake, Option<u64>),
    /// `remove_stake` and `remove_stake_limit`: hotkey, netuid, alpha, limit.
    Remove([u8; 32], u16, u64, Option<u64>),
    /// `remove_stake_full_limit`.
    RemoveAll([u8; 32], u16, Option<u64>),
    /// `unstake_all`.
    UnstakeAll([u8; 32]),
    /// `unstake_all_alpha`.
    UnstakeAllAlpha([u8; 32]),
    /// `move_stake`, `swap_stake`, `transfer_stake` and those with a limit.
    Transition(Transition),
}

/// Arguments of `add_stake`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DecodeAsType)]
pub(in super::super) struct AddStake {
    pub(in super::super) hotkey: [u8; 32],
    pub(in super::super) netuid: u16,
    pub(in super::super) amount_staked: u64,
}

/// Arguments of `add_stake_limit`.
#[derive(DecodeAsType)]
struct AddStakeLimit {
    hotkey: [u8; 32],
    netuid: u16,
    amount_staked: u64,
    limit_price: u64,
}

#[derive(DecodeAsType)]
struct Remove {
    hotkey: [u8; 32],
    netuid: u16,
    amount_unstaked: u64,
}

#[derive(DecodeAsType)]
struct RemoveLimit {
    hotkey: [u8; 32],
    netuid: u16,
    amount_unstaked: u64,
    limit_price: u64,
}

#[derive(DecodeAsType)]
struct RemoveFull {
    hotkey: [u8; 32],
    netuid: u16,
    limit_price: Option<u64>,
}

#[derive(DecodeAsType)]
struct OfHotkey {
    hotkey: [u8; 32],
}

/// Stake that goes from one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Transition {
    /// The event that tells of it.
    pub(in super::super) event: &'static str,
    /// The new coldkey; `None` keeps it.
    pub(in super::super) coldkey: Option<[u8; 32]>,
    /// Where from, by hotkey and netuid.
    pub(in super::super) from: ([u8; 32], u16),
    /// Where to.
    pub(in super::super) to: ([u8; 32], u16),
    /// How much, in rao of alpha.
    pub(in super::super) alpha: u64,
    /// The price of the one in the other, in rao, at which it still goes.
    pub(in super::super) limit_price: Option<u64>,
}

#[derive(DecodeAsType)]
struct Move {
    origin_hotkey: [u8; 32],
    destination_hotkey: [u8; 32],
    origin_netuid: u16,
    destination_netuid: u16,
    alpha_amount: u64,
}

#[derive(DecodeAsType)]
struct MoveLimit {
    origin_hotkey: [u8; 32],
    destination_hotkey: [u8; 32],
    origin_netuid: u16,
    destination_netuid: u16,
    alpha_amount: u64,
    limit_price: u64,
}

#[derive(DecodeAsType)]
struct Swap {
    hotkey: [u8; 32],
    origin_netuid: u16,
    destination_netuid: u16,
    alpha_amount: u64,
}

#[derive(DecodeAsType)]
struct SwapLimit {
    hotkey: [u8; 32],
    origin_netuid: u16,
    destination_netuid: u16,
    alpha_amount: u64,
    limit_price: u64,
}

#[derive(DecodeAsType)]
struct TransferStake {
    destination_coldkey: [u8; 32],
    hotkey: [u8; 32],
    origin_netuid: u16,
    destination_netuid: u16,
    alpha_amount: u64,
}

impl StakingCall {
    /// Decodes a call, if it is one of these.
    pub(super) fn decode(
        args: &Arguments<'_>,
        bytes: &mut &[u8],
    ) -> Result<Option<Self>, Malformed> {
        Ok(Some(match args.call {
            "add_stake" => Self::Add(args.take(bytes)?, None),
            "add_stake_limit" => {
                let call: AddStakeLimit = args.take(bytes)?;
                let add = AddStake {
                    hotkey: call.hotkey,
                    netuid: call.netuid,
                    amount_staked: call.amount_staked,
                };
                Self::Add(add, Some(call.limit_price))
            }
            "remove_stake" => {
                let call: Remove = args.take(bytes)?;
                Self::Remove(call.hotkey, call.netuid, call.amount_unstaked, None)
            }
            "remove_stake_limit" => {
                let call: RemoveLimit = args.take(bytes)?;
                let limit = Some(call.limit_price);
                Self::Remove(call.hotkey, call.netuid, call.amount_unstaked, limit)
            }
            "remove_stake_full_limit" => {
                let call: RemoveFull = args.take(bytes)?;
                Self::RemoveAll(call.hotkey, call.netuid, call.limit_price)
            }
            "unstake_all" => Self::UnstakeAll(args.take::<OfHotkey>(bytes)?.hotkey),
            "unstake_all_alpha" => Self::UnstakeAllAlpha(args.take::<OfHotkey>(bytes)?.hotkey),
            _ => return Ok(Transition::decode(args, bytes)?.map(Self::Transition)),
        }))
    }
}

impl Transition {
    fn decode(args: &Arguments<'_>, bytes: &mut &[u8]) -> Result<Option<Self>, Malformed> {
        Ok(Some(match args.call {
            "move_stake" => args.take::<Move>(bytes)?.into(),
            "move_stake_limit" => args.take::<MoveLimit>(bytes)?.into(),
            "swap_stake" => args.take::<Swap>(bytes)?.into(),
            "swap_stake_limit" => args.take::<SwapLimit>(bytes)?.into(),
            "transfer_stake" => args.take::<TransferStake>(bytes)?.into(),
            _ => return Ok(None),
        }))
    }
}

impl From<Move> for Transition {
    fn from(call: Move) -> Self {
        Self {
            event: "StakeMoved",
            coldkey: None,
            from: (call.origin_hotkey, call.origin_netuid),
            to: (call.destination_hotkey, call.destination_netuid),
            alpha: call.alpha_amount,
            limit_price: None,
        }
    }
}

impl From<MoveLimit> for Transition {
    fn from(call: MoveLimit) -> Self {
        Self {
            event: "StakeMoved",
            coldkey: None,
            from: (call.origin_hotkey, call.origin_netuid),
            to: (call.destination_hotkey, call.destination_netuid),
            alpha: call.alpha_amount,
            limit_price: Some(call.limit_price),
        }
    }
}

impl From<Swap> for Transition {
    fn from(call: Swap) -> Self {
        Self {
            event: "StakeSwapped",
            coldkey: None,
            from: (call.hotkey, call.origin_netuid),
            to: (call.hotkey, call.destination_netuid),
            alpha: call.alpha_amount,
            limit_price: None,
        }
    }
}

impl From<SwapLimit> for Transition {
    fn from(call: SwapLimit) -> Self {
        Self {
            event: "StakeSwapped",
            coldkey: None,
            from: (call.hotkey, call.origin_netuid),
            to: (call.hotkey, call.destination_netuid),
            alpha: call.alpha_amount,
            limit_price: Some(call.limit_price),
        }
    }
}

impl From<TransferStake> for Transition {
    fn from(call: TransferStake) -> Self {
        Self {
            event: "StakeTransferred",
            coldkey: Some(call.destination_coldkey),
            from: (call.hotkey, call.origin_netuid),
            to: (call.hotkey, call.destination_netuid),
            alpha: call.alpha_amount,
            limit_price: None,
        }
    }
}
