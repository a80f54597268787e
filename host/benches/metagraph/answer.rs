//! A subnet of 256 neurons as runtime 461 answers it, and the least that
//! decoding it can cost: a struct of exactly its fields.

use parity_scale_codec::{Compact, Decode, Encode};

pub const NEURONS: u16 = 256;
/// Every eighth neuron has told who it is.
const IDENTIFIED: u16 = 8;

type Account = [u8; 32];
type Text = Vec<u8>;

#[derive(Encode, Decode)]
pub struct Axon {
    pub block: u64,
    pub version: u32,
    pub ip: u128,
    pub port: u16,
    pub ip_type: u8,
    pub protocol: u8,
    pub placeholder1: u8,
    pub placeholder2: u8,
}

/// `ChainIdentityOfV2`.
#[derive(Encode, Decode)]
pub struct Identity {
    pub texts: [Text; 7],
}

/// The runtime's `Metagraph`, all of it.
#[derive(Encode, Decode)]
pub struct Answer {
    pub netuid: Compact<u16>,
    pub name: Vec<Compact<u8>>,
    pub symbol: Vec<Compact<u8>>,
    pub identity: Option<[Text; 8]>,
    pub network_registered_at: Compact<u64>,
    pub owner_hotkey: Account,
    pub owner_coldkey: Account,
    pub block: Compact<u64>,
    pub tempo: Compact<u16>,
    pub last_step: Compact<u64>,
    pub blocks_since_last_step: Compact<u64>,
    pub subnet_emission: Compact<u64>,
    pub pools: [Compact<u64>; 8],
    pub subnet_volume: Compact<u128>,
    pub moving_price: i128,
    pub rho: Compact<u16>,
    pub kappa: Compact<u16>,
    pub min_allowed_weights: Compact<u16>,
    pub max_weights_limit: Compact<u16>,
    pub weights_version: Compact<u64>,
    pub weights_rate_limit: Compact<u64>,
    pub activity_cutoff: Compact<u16>,
    pub max_validators: Compact<u16>,
    pub num_uids: Compact<u16>,
    pub max_uids: Compact<u16>,
    pub burn: Compact<u64>,
    pub difficulty: Compact<u64>,
    pub registration_allowed: bool,
    pub pow_registration_allowed: bool,
    pub immunity_period: Compact<u16>,
    pub difficulties: [Compact<u64>; 2],
    pub burns: [Compact<u64>; 2],
    pub adjustment_alpha: Compact<u64>,
    pub adjustment_interval: Compact<u16>,
    pub target_regs_per_interval: Compact<u16>,
    pub max_regs_per_block: Compact<u16>,
    pub serving_rate_limit: Compact<u64>,
    pub commit_reveal_weights_enabled: bool,
    pub commit_reveal_period: Compact<u64>,
    pub liquid_alpha_enabled: bool,
    pub alpha_high: Compact<u16>,
    pub alpha_low: Compact<u16>,
    pub bonds_moving_avg: Compact<u64>,
    pub hotkeys: Vec<Account>,
    pub coldkeys: Vec<Account>,
    pub identities: Vec<Option<Identity>>,
    pub axons: Vec<Axon>,
    pub active: Vec<bool>,
    pub validator_permit: Vec<bool>,
    pub pruning_score: Vec<Compact<u16>>,
    pub last_update: Vec<Compact<u64>>,
    pub emission: Vec<Compact<u64>>,
    pub dividends: Vec<Compact<u16>>,
    pub incentives: Vec<Compact<u16>>,
    pub consensus: Vec<Compact<u16>>,
    pub trust: Vec<Compact<u16>>,
    pub rank: Vec<Compact<u16>>,
    pub block_at_registration: Vec<Compact<u64>>,
    pub alpha_stake: Vec<Compact<u64>>,
    pub tao_stake: Vec<Compact<u64>>,
    pub total_stake: Vec<Compact<u64>>,
    pub tao_dividends_per_hotkey: Vec<(Account, Compact<u64>)>,
    pub alpha_dividends_per_hotkey: Vec<(Account, Compact<u64>)>,
}

fn key(uid: u16, kind: u8) -> Account {
    let mut key = [kind; 32];
    key[..2].copy_from_slice(&uid.to_le_bytes());
    key
}

fn shorts() -> Vec<Compact<u16>> {
    (0..NEURONS).map(|uid| Compact(uid * 250)).collect()
}

fn longs() -> Vec<Compact<u64>> {
    let long = |uid: u16| Compact(7_000_000_000_000 + u64::from(uid));
    (0..NEURONS).map(long).collect()
}

fn text(text: &str) -> Text {
    text.as_bytes().to_vec()
}

fn identity(uid: u16) -> Option<Identity> {
    let texts = [
        "name",
        "url",
        "github",
        "image",
        "discord",
        "description",
        "",
    ];
    (uid % IDENTIFIED == 0).then(|| Identity {
        texts: texts.map(|field| text(&format!("https://example.com/{field}/{uid}"))),
    })
}

fn axon(uid: u16) -> Axon {
    Axon {
        block: 7_000_000,
        version: 10_005_000,
        ip: 3_405_803_776 + u128::from(uid),
        port: 8091,
        ip_type: 4,
        protocol: 4,
        placeholder1: 0,
        placeholder2: 0,
    }
}

/// Subnet 1, its slots all taken.
pub fn answer() -> Answer {
    let each = 0..NEURONS;
    let dividends = || each.clone().map(|uid| (key(uid, 7), Compact(1_u64 << 40)));
    Answer {
        netuid: Compact(1),
        name: b"bench".map(Compact).to_vec(),
        symbol: b"b".map(Compact).to_vec(),
        identity: None,
        network_registered_at: Compact(1),
        owner_hotkey: key(0, 7),
        owner_coldkey: key(0, 9),
        block: Compact(7_000_100),
        tempo: Compact(360),
        last_step: Compact(7_000_000),
        blocks_since_last_step: Compact(100),
        subnet_emission: Compact(1),
        pools: [Compact(1_u64 << 40); 8],
        subnet_volume: Compact(1_u128 << 80),
        moving_price: 1 << 32,
        rho: Compact(10),
        kappa: Compact(32_767),
        min_allowed_weights: Compact(1),
        max_weights_limit: Compact(u16::MAX),
        weights_version: Compact(0),
        weights_rate_limit: Compact(100),
        activity_cutoff: Compact(5000),
        max_validators: Compact(64),
        num_uids: Compact(NEURONS),
        max_uids: Compact(NEURONS),
        burn: Compact(500_000_000),
        difficulty: Compact(u64::MAX),
        registration_allowed: true,
        pow_registration_allowed: false,
        immunity_period: Compact(4096),
        difficulties: [Compact(u64::MAX); 2],
        burns: [Compact(500_000_000); 2],
        adjustment_alpha: Compact(0),
        adjustment_interval: Compact(360),
        target_regs_per_interval: Compact(1),
        max_regs_per_block: Compact(1),
        serving_rate_limit: Compact(50),
        commit_reveal_weights_enabled: true,
        commit_reveal_period: Compact(1),
        liquid_alpha_enabled: false,
        alpha_high: Compact(58_982),
        alpha_low: Compact(45_875),
        bonds_moving_avg: Compact(900_000),
        hotkeys: each.clone().map(|uid| key(uid, 7)).collect(),
        coldkeys: each.clone().map(|uid| key(uid, 9)).collect(),
        identities: each.clone().map(identity).collect(),
        axons: each.clone().map(axon).collect(),
        active: each.clone().map(|_| true).collect(),
        validator_permit: each.clone().map(|uid| uid < 64).collect(),
        pruning_score: shorts(),
        last_update: longs(),
        emission: longs(),
        dividends: shorts(),
        incentives: shorts(),
        consensus: shorts(),
        trust: shorts(),
        rank: shorts(),
        block_at_registration: longs(),
        alpha_stake: longs(),
        tao_stake: longs(),
        total_stake: longs(),
        tao_dividends_per_hotkey: dividends().collect(),
        alpha_dividends_per_hotkey: dividends().collect(),
    }
}
