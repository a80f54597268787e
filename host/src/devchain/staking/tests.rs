//! Whatever is staked, moved and taken back, no TAO is made or lost.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::devchain::balances;
use crate::devchain::call::{AddStake, StakingCall, Transition};
use crate::devchain::dispatch::Context;
use crate::devchain::event::{Events, Phase};
use crate::devchain::genesis::ACCOUNTS;
use crate::devchain::ledger::Ledger;
use crate::devchain::options::Options;
use crate::subnet::key::AccountId;

fn accounts() -> Vec<[u8; 32]> {
    let addresses = ACCOUNTS.iter().map(|(_, address)| address);
    addresses
        .map(|address| address.parse::<AccountId>().unwrap().0)
        .collect()
}

/// Who, from which hotkey and subnet, to which, what, how much.
type Step = (usize, (usize, u16), (usize, u16), u8, u64);

fn call(step: &Step, accounts: &[[u8; 32]]) -> StakingCall {
    let (_, (from, origin), (to, destination), kind, rao) = *step;
    let (hotkey, other) = (accounts[from], accounts[to]);
    match kind {
        0 => StakingCall::Add(
            AddStake {
                hotkey,
                netuid: origin,
                amount_staked: rao,
            },
            None,
        ),
        1 => StakingCall::Remove(hotkey, origin, rao, None),
        2 => StakingCall::UnstakeAll(hotkey),
        3 => StakingCall::UnstakeAllAlpha(hotkey),
        _ => StakingCall::Transition(Transition {
            event: "StakeTransferred",
            coldkey: (kind == 4).then_some(other),
            from: (hotkey, origin),
            to: (other, destination),
            alpha: rao,
            limit_price: None,
        }),
    }
}

fn issuance_is_whole(state: &State<'_>, accounts: &[[u8; 32]]) -> bool {
    let free = accounts
        .iter()
        .map(|who| balances::free(state, *who).unwrap());
    let tao = |netuid: u16| {
        state
            .subtensor::<u64>("SubnetTAO", &[netuid.into()])
            .unwrap()
    };
    let issued: u64 = state.get("Balances", "TotalIssuance", &[]).unwrap();
    free.sum::<u64>() + tao(0) + tao(1) == issued
}

fn holdings_fit(state: &State<'_>, accounts: &[[u8; 32]], netuid: u16) -> bool {
    let pools = accounts
        .iter()
        .map(|hotkey| pool(state, *hotkey, netuid).unwrap());
    let staked: u64 = state
        .subtensor("TotalAlphaStaked", &[netuid.into()])
        .unwrap();
    let fits = |hotkey: &[u8; 32]| {
        let held = accounts
            .iter()
            .map(|coldkey| of_coldkey(state, *hotkey, *coldkey, netuid).unwrap());
        held.sum::<u64>() <= pool(state, *hotkey, netuid).unwrap()
    };
    pools.sum::<u64>() == staked && accounts.iter().all(fits)
}

#[test]
fn staking_neither_makes_nor_loses_tao() {
    let ledger = Ledger::new(&Options::default(), [0; 32]).unwrap();
    let accounts = accounts();
    let place = || (0..3_usize, 0..2_u16);
    let step = (
        0..3_usize,
        place(),
        place(),
        0..6_u8,
        0..200_000_000_000_000_u64,
    );
    let mut runner = TestRunner::new(Config::with_cases(48));
    let outcome = runner.run(&vec(step, 1..24), |steps| {
        let mut state = ledger.state(0);
        for who in &accounts {
            associate(&mut state, *who, *who).unwrap();
        }
        for step in &steps {
            let mut events = Events::default();
            let mut context = Context {
                state: &mut state,
                events: &mut events,
                phase: Phase::Extrinsic(1),
                block: 1,
                allow_loopback: false,
            };
            let call = call(step, &accounts);
            // Refused or not: what counts is what is left.
            let _ = context.attempt(|context| dispatch(context, accounts[step.0], &call));
            prop_assert!(issuance_is_whole(&state, &accounts), "after {call:?}");
            for netuid in 0..2 {
                prop_assert!(holdings_fit(&state, &accounts, netuid), "after {call:?}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
