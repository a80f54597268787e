//! Limits in time: how often an owner may change something, and when not at all.

use scale_encode::EncodeAsType;

use super::codec::{CodecError, Key};
use super::dispatch::{Context, DispatchError};
use super::state::State;

/// `RateLimitKey`: what `LastRateLimitedBlock` remembers a block for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EncodeAsType)]
pub(super) enum RateLimitKey {
    /// A change of a subnet's owner hotkey.
    SetSNOwnerHotkey(u16),
    /// A change of a hyperparameter by the owner.
    OwnerHyperparamUpdate(u16, Hyperparameter),
    /// The last new subnet.
    NetworkLastRegistered,
}

/// The hyperparameters an owner's changes of which are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EncodeAsType)]
pub(super) enum Hyperparameter {
    ServingRateLimit,
    MaxDifficulty,
    AdjustmentAlpha,
    ImmunityPeriod,
    MinAllowedWeights,
    Rho,
    ActivityCutoff,
    MinBurn,
    MaxBurn,
    BondsMovingAverage,
    BondsPenalty,
    CommitRevealEnabled,
    LiquidAlphaEnabled,
    AlphaValues,
    WeightCommitInterval,
    TransferEnabled,
    AlphaSigmoidSteepness,
    Yuma3Enabled,
    BondsResetEnabled,
    ImmuneNeuronLimit,
    RecycleOrBurn,
    MaxAllowedUids,
    BurnHalfLife,
    BurnIncreaseMult,
    MinChildkeyTake,
    ActivityCutoffFactorMilli,
    TriggerEpoch,
    LiquidAlphaConsensusMode,
}

/// Kinds of transactions that `TransactionKeyLastBlock` counts, by number.
const SET_WEIGHTS_VERSION_KEY: u16 = 4;
const MECHANISM_COUNT_UPDATE: u16 = 7;
const MECHANISM_EMISSION: u16 = 8;
const TEMPO_UPDATE: u16 = 11;

/// Blocks between two changes of a subnet's mechanisms: a local network's.
const MECHANISM_LIMIT_BLOCKS: u64 = 1;
/// Blocks between two changes of a subnet's owner hotkey: a local network's.
const OWNER_HOTKEY_LIMIT_BLOCKS: u64 = 1;

/// What limits an owner's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// So many tempos between two changes of the same hyperparameter.
    Hyperparameter(Hyperparameter),
    /// So many tempos between two changes of the version key.
    WeightsVersionKey,
    /// Blocks between two changes of the number of mechanisms.
    MechanismCount,
    /// Blocks between two changes of how mechanisms share the emission.
    MechanismEmission,
    /// As many blocks as the least tempo has.
    Tempo,
    /// Blocks between two changes of the owner's hotkey; root as well.
    OwnerHotkey,
    /// Nothing.
    Unlimited,
}

impl Limit {
    /// Refuses if `who` changed this less than its blocks ago.
    pub(super) fn check(
        self,
        context: &Context<'_, '_>,
        who: [u8; 32],
        netuid: u16,
    ) -> Result<(), DispatchError> {
        let Some((item, key)) = self.entry(who, netuid) else {
            return Ok(());
        };
        let last: u64 = context.state.subtensor(item, &key)?;
        let passed = context.block.saturating_sub(last);
        if last != 0 && passed < self.blocks(context.state, netuid)? {
            return Err(DispatchError::subtensor("TxRateLimitExceeded"));
        }
        Ok(())
    }

    /// Remembers that `who` changed this.
    pub(super) fn record(
        self,
        context: &mut Context<'_, '_>,
        who: [u8; 32],
        netuid: u16,
    ) -> Result<(), CodecError> {
        match self.entry(who, netuid) {
            Some((item, key)) => context.state.put_subtensor(item, &key, &context.block),
            None => Ok(()),
        }
    }

    fn entry(self, who: [u8; 32], netuid: u16) -> Option<(&'static str, Vec<Key>)> {
        let of_transaction = |kind: u16| {
            let key = vec![who.into(), netuid.into(), kind.into()];
            Some(("TransactionKeyLastBlock", key))
        };
        let limited = |key| Some(("LastRateLimitedBlock", vec![Key::Limit(key)]));
        match self {
            Self::Hyperparameter(name) => {
                limited(RateLimitKey::OwnerHyperparamUpdate(netuid, name))
            }
            Self::OwnerHotkey => limited(RateLimitKey::SetSNOwnerHotkey(netuid)),
            Self::WeightsVersionKey => of_transaction(SET_WEIGHTS_VERSION_KEY),
            Self::MechanismCount => of_transaction(MECHANISM_COUNT_UPDATE),
            Self::MechanismEmission => of_transaction(MECHANISM_EMISSION),
            Self::Tempo => of_transaction(TEMPO_UPDATE),
            Self::Unlimited => None,
        }
    }

    fn blocks(self, state: &State<'_>, netuid: u16) -> Result<u64, CodecError> {
        let tempo = || state.subtensor::<u16>("Tempo", &[netuid.into()]);
        Ok(match self {
            Self::Hyperparameter(_) => {
                let tempos: u16 = state.subtensor("OwnerHyperparamRateLimit", &[])?;
                u64::from(tempo()?) * u64::from(tempos)
            }
            Self::WeightsVersionKey => {
                let tempos: u64 = state.subtensor("WeightsVersionKeyRateLimit", &[])?;
                u64::from(tempo()?).saturating_mul(tempos)
            }
            Self::MechanismCount | Self::MechanismEmission => MECHANISM_LIMIT_BLOCKS,
            Self::OwnerHotkey => OWNER_HOTKEY_LIMIT_BLOCKS,
            Self::Tempo => u64::from(
                state
                    .codec()
                    .constant_as::<u16>("SubtensorModule", "MinTempo")?,
            ),
            Self::Unlimited => 0,
        })
    }
}

/// Refuses in the last blocks of a tempo, and while a triggered epoch is awaited:
/// what validators rely on then must not change.
pub(super) fn window_open(context: &Context<'_, '_>, netuid: u16) -> Result<(), DispatchError> {
    let of_subnet = &[netuid.into()];
    let tempo: u16 = context.state.subtensor("Tempo", of_subnet)?;
    if tempo == 0 {
        return Ok(());
    }
    let pending: u64 = context.state.subtensor("PendingEpochAt", of_subnet)?;
    let window: u16 = context.state.subtensor("AdminFreezeWindow", &[])?;
    let next = super::schedule::next_regular(context.state, netuid)?;
    let left = next.saturating_sub(context.block);
    if pending > context.block || left < u64::from(window) {
        let name = "AdminActionProhibitedDuringWeightsWindow";
        return Err(DispatchError::subtensor(name));
    }
    Ok(())
}
