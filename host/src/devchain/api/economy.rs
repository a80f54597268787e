//! Prices and what trading costs, as wallets ask before they stake.
//!
//! Every subnet here has mechanism 0: one alpha is one TAO whatever the size of
//! a trade, without fee or slippage. There are no validator baskets, no locks
//! and no auto-stake, and each of these APIs says so.

use scale_value::Value;

use super::super::codec::CodecError;
use super::super::event::{account, number};
use super::super::info::{none, some};
use super::super::staking;
use super::{Call, MAX_ACCOUNTS};

impl Call<'_> {
    /// What is traded for what.
    pub(super) fn swap(&mut self, method: &str) -> Result<Option<Value<()>>, CodecError> {
        Ok(Some(match method {
            "current_alpha_price" => number(staking::PRICE_RAO),
            "current_alpha_price_all" => {
                let prices = self.netuids()?.into_iter().map(|netuid| {
                    Value::named_composite([
                        ("netuid", number(u64::from(netuid))),
                        ("price", number(staking::PRICE_RAO)),
                    ])
                });
                Value::unnamed_composite(prices)
            }
            "sim_swap_tao_for_alpha" | "sim_swap_alpha_for_tao" => {
                let (_, amount): (u16, u64) = (self.take()?, self.take()?);
                let (tao, alpha) = match method {
                    "sim_swap_tao_for_alpha" => (0, amount),
                    _ => (amount, 0),
                };
                Value::named_composite([
                    ("tao_amount", number(tao)),
                    ("alpha_amount", number(alpha)),
                    ("tao_fee", number(0)),
                    ("alpha_fee", number(0)),
                    ("tao_slippage", number(0)),
                    ("alpha_slippage", number(0)),
                ])
            }
            _ => return Ok(None),
        }))
    }

    /// What a stake may do: all of it is free to go.
    pub(super) fn availability(&mut self) -> Result<Value<()>, CodecError> {
        let coldkeys: Vec<[u8; 32]> = self.take()?;
        if coldkeys.len() > MAX_ACCOUNTS {
            return Err(CodecError(format!("more than {MAX_ACCOUNTS} accounts")));
        }
        let chosen: Option<Vec<u16>> = self.take()?;
        let netuids = match chosen {
            Some(chosen) => chosen,
            None => self.netuids()?,
        };
        let mut all = Vec::new();
        for coldkey in coldkeys {
            let mut available = Vec::new();
            for netuid in &netuids {
                let stake = self.staked(coldkey, *netuid)?;
                let entry = Value::named_composite([
                    ("total", number(stake)),
                    ("locked", number(0)),
                    ("available", number(stake)),
                ]);
                available.push(Value::unnamed_composite([
                    number(u64::from(*netuid)),
                    entry,
                ]));
            }
            let available = Value::unnamed_composite(available);
            all.push(Value::unnamed_composite([account(coldkey), available]));
        }
        Ok(Value::unnamed_composite(all))
    }

    /// Root's baskets: nobody has any.
    pub(super) fn baskets(&mut self, method: &str) -> Option<Value<()>> {
        Some(match method {
            "get_root_basket_owed"
            | "get_basket_payout"
            | "get_validator_basket_nav"
            | "get_root_basket_total_nav" => number(0),
            "get_validator_basket"
            | "get_all_validator_baskets"
            | "get_root_basket_positions"
            | "get_root_basket_portfolio"
            | "get_beta_portfolio" => Value::unnamed_composite([]),
            "get_basket_position" | "get_beta_pricing" | "get_beta_position" => none(),
            _ => return None,
        })
    }

    /// A delegate as the runtime describes it: who owns it, where it is.
    pub(super) fn delegate(&self, hotkey: [u8; 32]) -> Result<Option<Value<()>>, CodecError> {
        let Some(owner) = staking::owner(&self.state, hotkey)? else {
            return Ok(None);
        };
        let take: u16 = self.state.subtensor("Delegates", &[hotkey.into()])?;
        let (mut registrations, mut permits, mut stakes) = (Vec::new(), Vec::new(), Vec::new());
        for netuid in self.netuids()? {
            let stake = staking::of_coldkey(&self.state, hotkey, owner, netuid)?;
            if stake > 0 {
                stakes.push(Value::unnamed_composite([
                    number(u64::from(netuid)),
                    number(stake),
                ]));
            }
            let Some(uid) = super::super::registration::uid(&self.state, netuid, hotkey)? else {
                continue;
            };
            registrations.push(number(u64::from(netuid)));
            let held: Vec<bool> = self.state.subtensor("ValidatorPermit", &[netuid.into()])?;
            if held.get(usize::from(uid)) == Some(&true) {
                permits.push(number(u64::from(netuid)));
            }
        }
        let own = [account(owner), Value::unnamed_composite(stakes)];
        Ok(Some(Value::named_composite([
            ("delegate_ss58", account(hotkey)),
            ("take", number(u64::from(take))),
            (
                "nominators",
                Value::unnamed_composite([Value::unnamed_composite(own)]),
            ),
            ("owner_ss58", account(owner)),
            ("registrations", Value::unnamed_composite(registrations)),
            ("validator_permits", Value::unnamed_composite(permits)),
            ("return_per_1000", number(0)),
            ("total_daily_return", number(0)),
        ])))
    }

    /// Every hotkey of a subnet is a delegate here.
    pub(super) fn delegates(&mut self, method: &str) -> Result<Option<Value<()>>, CodecError> {
        Ok(Some(match method {
            "get_delegate" => {
                let hotkey = self.take()?;
                self.delegate(hotkey)?.map_or_else(none, some)
            }
            "get_delegates" => {
                let mut hotkeys = std::collections::BTreeSet::new();
                for netuid in self.netuids()? {
                    let count: u16 = self.state.subtensor("SubnetworkN", &[netuid.into()])?;
                    for uid in 0..count {
                        let neuron = &[netuid.into(), uid.into()];
                        hotkeys.insert(self.state.subtensor::<[u8; 32]>("Keys", neuron)?);
                    }
                }
                let all: Result<Vec<_>, _> = hotkeys
                    .into_iter()
                    .map(|hotkey| self.delegate(hotkey))
                    .collect();
                Value::unnamed_composite(all?.into_iter().flatten())
            }
            "get_delegated" => {
                let coldkey = self.take()?;
                self.delegated(coldkey)?
            }
            _ => return Ok(None),
        }))
    }

    fn delegated(&self, coldkey: [u8; 32]) -> Result<Value<()>, CodecError> {
        let hotkeys: Vec<[u8; 32]> = self.state.subtensor("StakingHotkeys", &[coldkey.into()])?;
        let mut all = Vec::new();
        for hotkey in hotkeys {
            let Some(delegate) = self.delegate(hotkey)? else {
                continue;
            };
            for netuid in self.netuids()? {
                let stake = staking::of_coldkey(&self.state, hotkey, coldkey, netuid)?;
                if stake > 0 {
                    let on = Value::unnamed_composite([number(u64::from(netuid)), number(stake)]);
                    all.push(Value::unnamed_composite([delegate.clone(), on]));
                }
            }
        }
        Ok(Value::unnamed_composite(all))
    }

    /// What a coldkey has staked on a subnet, whichever hotkey holds it.
    fn staked(&self, coldkey: [u8; 32], netuid: u16) -> Result<u64, CodecError> {
        let hotkeys: Vec<[u8; 32]> = self.state.subtensor("StakingHotkeys", &[coldkey.into()])?;
        let mut all = 0_u64;
        for hotkey in hotkeys {
            all = all.saturating_add(staking::of_coldkey(&self.state, hotkey, coldkey, netuid)?);
        }
        Ok(all)
    }
}
