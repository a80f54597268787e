//! Block zero: the development accounts and one started subnet.
//!
//! Subnet 1 is //Alice's, who holds uid 0 (coldkey and hotkey alike) with stake
//! and a validator permit; commit-reveal is off. The others are funded. //Alice
//! is the chain's sudo key as well, as on a local network. Rate limits of days
//! are lifted and windows are shortened, so that an owner can try things out.

use scale_value::Value;

use super::codec::{Codec, CodecError};
use super::options::Options;
use super::registration::append;
use super::staking::{associate, credit};
use super::state::State;
use super::store::{Changes, Store};
use super::{balances, drand};
use crate::subnet::key::AccountId;

/// The subnet that is there from the start.
pub(super) const NETUID: u16 = 1;
/// The root network.
const ROOT: u16 = 0;
/// One TAO in rao.
const TAO: u64 = 1_000_000_000;
/// What each development account has, in rao.
const ENDOWMENT_RAO: u64 = 1_000_000 * TAO;
/// What //Alice has staked on herself, in rao.
const ALICE_STAKE_RAO: u64 = 100_000 * TAO;
/// Least stake that may set weights, in rao; as on the main network, so that a
/// miner's first earnings do not make it a validator.
const STAKE_THRESHOLD_RAO: u64 = 1000 * TAO;

/// Blocks at the end of a tempo in which hyperparameters stand, unless the tempo
/// is short: then a quarter of it.
const ADMIN_FREEZE_WINDOW_BLOCKS: u16 = 10;

/// The well-known development accounts, sr25519, //Alice first.
pub(super) const ACCOUNTS: [(&str, &str); 6] = [
    (
        "//Alice",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    ),
    ("//Bob", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
    (
        "//Charlie",
        "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y",
    ),
    ("//Dave", "5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy"),
    ("//Eve", "5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw"),
    (
        "//Ferdie",
        "5CiPPseXPECbkjWCa6MnjNokrgYjMqmKndv2rSnekmSK2DjL",
    ),
];

fn accounts() -> Result<Vec<[u8; 32]>, CodecError> {
    ACCOUNTS
        .iter()
        .map(|(name, address)| {
            let account: AccountId = address
                .parse()
                .map_err(|error| CodecError(format!("{name}: {error}")))?;
            Ok(account.0)
        })
        .collect()
}

/// The state of block zero.
pub(super) fn state(codec: &Codec, options: &Options) -> Result<Changes, CodecError> {
    let store = Store::default();
    let mut state = State::at(codec, &store, 0);
    let accounts = accounts()?;
    for account in &accounts {
        balances::deposit(&mut state, *account, ENDOWMENT_RAO)?;
    }
    let issued = ENDOWMENT_RAO * u64::try_from(accounts.len()).unwrap_or(0) + ALICE_STAKE_RAO;
    state.put("Balances", "TotalIssuance", &[], &issued)?;
    state.put_subtensor("TotalIssuance", &[], &issued)?;
    state.put_subtensor("TotalStake", &[], &ALICE_STAKE_RAO)?;
    state.put_subtensor("StakeThreshold", &[], &STAKE_THRESHOLD_RAO)?;
    state.put("Sudo", "Key", &[], &accounts[0])?;
    drand::configure(&mut state)?;
    state.put_subtensor("NetworkRateLimit", &[], &0_u64)?;
    state.put_subtensor("OwnerHyperparamRateLimit", &[], &0_u16)?;
    state.put_subtensor("WeightsVersionKeyRateLimit", &[], &0_u64)?;
    let window = ADMIN_FREEZE_WINDOW_BLOCKS.min(options.tempo / 4);
    state.put_subtensor("AdminFreezeWindow", &[], &window)?;
    networks(&mut state, accounts[0])?;
    hyperparameters(&mut state, options)?;
    Ok(state.into_changes())
}

fn networks(state: &mut State<'_>, alice: [u8; 32]) -> Result<(), CodecError> {
    state.put_subtensor("TotalNetworks", &[], &2_u16)?;
    for netuid in [ROOT, NETUID] {
        state.put_subtensor("NetworksAdded", &[netuid.into()], &true)?;
        state.put_subtensor("SubtokenEnabled", &[netuid.into()], &true)?;
    }
    let of_subnet = &[NETUID.into()];
    state.put_subtensor("FirstEmissionBlockNumber", of_subnet, &1_u64)?;
    state.put_subtensor("SubnetOwner", of_subnet, &alice)?;
    state.put_subtensor("SubnetOwnerHotkey", of_subnet, &alice)?;
    associate(state, alice, alice)?;
    append(state, NETUID, alice, 0)?;
    credit(state, alice, alice, NETUID, ALICE_STAKE_RAO)?;
    state.put_subtensor("SubnetTAO", of_subnet, &ALICE_STAKE_RAO)?;
    state.put_subtensor("SubnetAlphaOut", of_subnet, &ALICE_STAKE_RAO)?;
    state.put_subtensor("ValidatorPermit", of_subnet, &vec![true])
}

fn hyperparameters(state: &mut State<'_>, options: &Options) -> Result<(), CodecError> {
    let of_subnet = &[NETUID.into()];
    let yuma = Value::unnamed_variant("Yuma", []);
    state.put_subtensor("SubnetEpochConsensus", of_subnet, &yuma)?;
    state.put_subtensor("Tempo", of_subnet, &options.tempo)?;
    state.put_subtensor(
        "CommitRevealWeightsEnabled",
        of_subnet,
        &options.commit_reveal,
    )?;
    state.put_subtensor(
        "WeightsSetRateLimit",
        of_subnet,
        &options.weights_rate_limit,
    )?;
    state.put_subtensor("ServingRateLimit", of_subnet, &options.serving_rate_limit)?;
    state.put_subtensor("MinAllowedWeights", of_subnet, &options.min_allowed_weights)?;
    state.put_subtensor("WeightsVersionKey", of_subnet, &options.weights_version_key)?;
    state.put_subtensor("MaxAllowedUids", of_subnet, &options.max_uids)?;
    // Else a subnet of a few slots would rather replace its newcomers.
    state.put_subtensor("MinNonImmuneUids", of_subnet, &0_u16)?;
    state.put_subtensor("TokenSymbol", of_subnet, &"α".as_bytes().to_vec())?;
    state.put_subtensor("Burn", of_subnet, &options.burn_rao)
}
