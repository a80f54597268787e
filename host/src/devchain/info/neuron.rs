//! Facts about neurons: as columns of a subnet, and each by itself.

use scale_value::Value;

use super::super::codec::CodecError;
use super::super::encoded::Encoded;
use super::super::event::{account, number};
use super::super::serving::{AxonInfo, PrometheusInfo};
use super::super::staking;
use super::super::state::{SUBTENSOR, State};
use super::{Facts, none};

/// What storage holds by uid.
struct Columns {
    hotkeys: Vec<[u8; 32]>,
    coldkeys: Vec<[u8; 32]>,
    active: Vec<bool>,
    permits: Vec<bool>,
    last_update: Vec<u64>,
    emission: Vec<u64>,
    dividends: Vec<u16>,
    incentive: Vec<u16>,
    consensus: Vec<u16>,
    validator_trust: Vec<u16>,
}

impl Columns {
    /// `index` is that of a mechanism.
    fn read(state: &State<'_>, netuid: u16, index: u16) -> Result<Self, CodecError> {
        let (of_subnet, of_mechanism) = (&[netuid.into()], &[index.into()]);
        let size: u16 = state.subtensor("SubnetworkN", of_subnet)?;
        let hotkeys = (0..size)
            .map(|uid| state.subtensor("Keys", &[netuid.into(), uid.into()]))
            .collect::<Result<Vec<[u8; 32]>, _>>()?;
        let coldkeys = hotkeys
            .iter()
            .map(|hotkey| state.subtensor("Owner", &[(*hotkey).into()]))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            hotkeys,
            coldkeys,
            active: state.subtensor("Active", of_subnet)?,
            permits: state.subtensor("ValidatorPermit", of_subnet)?,
            last_update: state.subtensor("LastUpdate", of_mechanism)?,
            emission: state.subtensor("Emission", of_subnet)?,
            dividends: state.subtensor("Dividends", of_subnet)?,
            incentive: state.subtensor("Incentive", of_mechanism)?,
            consensus: state.subtensor("Consensus", of_subnet)?,
            validator_trust: state.subtensor("ValidatorTrust", of_subnet)?,
        })
    }
}

/// Adds the neurons' columns to a subnet's facts.
pub(super) fn columns(
    state: &State<'_>,
    netuid: u16,
    index: u16,
    facts: &mut Facts,
) -> Result<(), CodecError> {
    let columns = Columns::read(state, netuid, index)?;
    let size = columns.hotkeys.len();
    let zeros = || list((0..size).map(|_| number(0)));
    facts.insert(
        "hotkeys",
        list(columns.hotkeys.iter().copied().map(account)),
    );
    facts.insert(
        "coldkeys",
        list(columns.coldkeys.iter().copied().map(account)),
    );
    facts.insert("identities", list((0..size).map(|_| none())));
    facts.insert("active", flags(&columns.active));
    facts.insert("validator_permit", flags(&columns.permits));
    facts.insert("last_update", numbers(&columns.last_update));
    facts.insert("emission", numbers(&columns.emission));
    facts.insert("dividends", shares(&columns.dividends));
    facts.insert("incentives", shares(&columns.incentive));
    facts.insert("consensus", shares(&columns.consensus));
    // Gone from the runtime's storage; its own results have them so as well.
    facts.insert("trust", zeros());
    facts.insert("rank", zeros());
    facts.insert(
        "pruning_score",
        list((0..size).map(|_| number(u64::from(u16::MAX)))),
    );
    for collateral in ["collateral_locked", "collateral_min", "collateral_earned"] {
        facts.insert(collateral, zeros());
    }
    facts.insert("emission_history", list([]));
    facts.insert("commitments", commitments(state, netuid, &columns)?);
    let validators = (0_u64..).zip(&columns.permits);
    let validators = validators.filter(|(_, permit)| **permit);
    facts.insert("validators", list(validators.map(|(uid, _)| number(uid))));
    by_key(state, netuid, &columns, facts)
}

/// What neurons have committed to, each in its encoding.
fn commitments(state: &State<'_>, netuid: u16, columns: &Columns) -> Result<Value<()>, CodecError> {
    let mut all = Vec::new();
    for hotkey in columns.hotkeys.iter().copied() {
        let key = &[netuid.into(), hotkey.into()];
        let found: Option<Encoded> = state.find("Commitments", "CommitmentOf", key)?;
        if let Some(Encoded(bytes)) = found {
            all.push(pair(account(hotkey), Value::from_bytes(bytes)));
        }
    }
    Ok(list(all))
}

/// What storage holds by hotkey.
fn by_key(
    state: &State<'_>,
    netuid: u16,
    columns: &Columns,
    facts: &mut Facts,
) -> Result<(), CodecError> {
    let (mut axons, mut registered) = (Vec::new(), Vec::new());
    let (mut alpha, mut tao, mut total) = (Vec::new(), Vec::new(), Vec::new());
    let (mut alpha_dividends, mut tao_dividends) = (Vec::new(), Vec::new());
    for (uid, hotkey) in (0_u16..).zip(columns.hotkeys.iter().copied()) {
        axons.push(axon(state, netuid, hotkey)?);
        let neuron = &[netuid.into(), uid.into()];
        registered.push(state.subtensor("BlockAtRegistration", neuron)?);
        alpha.push(staking::pool(state, hotkey, netuid)?);
        tao.push(staking::tao_weight(state, hotkey)?);
        total.push(staking::weight(state, hotkey, netuid)?);
        let earned = state.subtensor("AlphaDividendsPerSubnet", &[netuid.into(), hotkey.into()])?;
        alpha_dividends.push(pair(account(hotkey), number(earned)));
        tao_dividends.push(pair(account(hotkey), number(0)));
    }
    facts.insert("axons", list(axons));
    facts.insert("block_at_registration", numbers(&registered));
    facts.insert("alpha_stake", numbers(&alpha));
    facts.insert("tao_stake", numbers(&tao));
    facts.insert("total_stake", numbers(&total));
    facts.insert("alpha_dividends_per_hotkey", list(alpha_dividends));
    facts.insert("tao_dividends_per_hotkey", list(tao_dividends));
    Ok(())
}

/// Each neuron's own facts.
pub(in super::super) fn neurons(state: &State<'_>, netuid: u16) -> Result<Vec<Facts>, CodecError> {
    let columns = Columns::read(state, netuid, netuid)?;
    (0..columns.hotkeys.len())
        .filter_map(|uid| one(state, netuid, &columns, uid).transpose())
        .collect()
}

/// One neuron's facts, if there is such a one.
pub(in super::super) fn neuron(
    state: &State<'_>,
    netuid: u16,
    uid: u16,
) -> Result<Option<Facts>, CodecError> {
    one(
        state,
        netuid,
        &Columns::read(state, netuid, netuid)?,
        usize::from(uid),
    )
}

fn one(
    state: &State<'_>,
    netuid: u16,
    columns: &Columns,
    index: usize,
) -> Result<Option<Facts>, CodecError> {
    let (Some(hotkey), Some(coldkey), Ok(uid)) = (
        columns.hotkeys.get(index).copied(),
        columns.coldkeys.get(index).copied(),
        u16::try_from(index),
    ) else {
        return Ok(None);
    };
    let share = |all: &[u16]| number(all.get(index).copied().map_or(0, u64::from));
    let flag = |all: &[bool]| Value::bool(all.get(index).copied().unwrap_or(false));
    let of = |all: &[u64]| number(all.get(index).copied().unwrap_or(0));
    let neuron = &[netuid.into(), uid.into()];
    let stake = number(staking::of_coldkey(state, hotkey, coldkey, netuid)?);
    Ok(Some(Facts::from([
        ("hotkey", account(hotkey)),
        ("coldkey", account(coldkey)),
        ("uid", number(u64::from(uid))),
        ("netuid", number(u64::from(netuid))),
        ("active", flag(&columns.active)),
        ("axon_info", axon(state, netuid, hotkey)?),
        ("prometheus_info", prometheus(state, netuid, hotkey)?),
        ("stake", list([pair(account(coldkey), stake)])),
        ("rank", number(0)),
        ("trust", number(0)),
        ("pruning_score", number(u64::from(u16::MAX))),
        ("emission", of(&columns.emission)),
        ("incentive", share(&columns.incentive)),
        ("consensus", share(&columns.consensus)),
        ("validator_trust", share(&columns.validator_trust)),
        ("dividends", share(&columns.dividends)),
        ("last_update", of(&columns.last_update)),
        ("validator_permit", flag(&columns.permits)),
        (
            "weights",
            pairs(&state.subtensor::<Vec<(u16, u16)>>("Weights", neuron)?),
        ),
        (
            "bonds",
            pairs(&state.subtensor::<Vec<(u16, u16)>>("Bonds", neuron)?),
        ),
    ])))
}

fn axon(state: &State<'_>, netuid: u16, hotkey: [u8; 32]) -> Result<Value<()>, CodecError> {
    let axon: AxonInfo = state
        .find(SUBTENSOR, "Axons", &[netuid.into(), hotkey.into()])?
        .unwrap_or_default();
    Ok(Value::named_composite([
        ("block", number(axon.block)),
        ("version", number(u64::from(axon.version))),
        ("ip", Value::u128(axon.ip)),
        ("port", number(u64::from(axon.port))),
        ("ip_type", number(u64::from(axon.ip_type))),
        ("protocol", number(u64::from(axon.protocol))),
        ("placeholder1", number(u64::from(axon.placeholder1))),
        ("placeholder2", number(u64::from(axon.placeholder2))),
    ]))
}

fn prometheus(state: &State<'_>, netuid: u16, hotkey: [u8; 32]) -> Result<Value<()>, CodecError> {
    let info: PrometheusInfo = state
        .find(SUBTENSOR, "Prometheus", &[netuid.into(), hotkey.into()])?
        .unwrap_or_default();
    Ok(Value::named_composite([
        ("block", number(info.block)),
        ("version", number(u64::from(info.version))),
        ("ip", Value::u128(info.ip)),
        ("port", number(u64::from(info.port))),
        ("ip_type", number(u64::from(info.ip_type))),
    ]))
}

fn list(values: impl IntoIterator<Item = Value<()>>) -> Value<()> {
    Value::unnamed_composite(values)
}

fn pair(one: Value<()>, other: Value<()>) -> Value<()> {
    Value::unnamed_composite([one, other])
}

fn flags(all: &[bool]) -> Value<()> {
    list(all.iter().copied().map(Value::bool))
}

fn numbers(all: &[u64]) -> Value<()> {
    list(all.iter().copied().map(number))
}

fn shares(all: &[u16]) -> Value<()> {
    list(all.iter().copied().map(|share| number(u64::from(share))))
}

fn pairs(all: &[(u16, u16)]) -> Value<()> {
    list(
        all.iter()
            .map(|(uid, share)| pair(number(u64::from(*uid)), number(u64::from(*share)))),
    )
}
