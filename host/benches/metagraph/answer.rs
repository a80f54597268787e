//! A subnet of 256 neurons as runtime 461 answers it, and the least that
//! decoding it can cost: a struct of exactly its fields.

use parity_scale_codec::{Compact, Decode, Encode};

pub(crate) const NEURONS: u16 = 256;
/// Every eighth neuron has told who it is.
const IDENTIFIED: u16 = 8;

type Account = [u8; 32];
type Text = Vec<u8>;

#[derive(Encode, Decode)]
pub(crate) struct Axon {
    pub(crate) block: u64,
    pub(crate) version: u32,
    pub(crate) ip: u128,
    pub(crate) port: u16,
    pub(crate) ip_type: u8,
    pub(crate) protocol: u8,
    pub(crate) placeholder1: u8,
    pub(crate) placeholder2: u8,
}

/// `ChainIdentityOfV2`.
#[derive(Encode, Decode)]
pub(crate) struct Identity {
    pub(crate) texts: [Text; 7],
}

/// The runtime's `Metagraph`, all of it.
#[derive(Encode, Decode)]
pub(crate) struct Answer {
    pub(crate) netuid: Compact<u16>,
    pub(crate) name: Vec<Compact<u8>>,
    pub(crate) symbol: Vec<Compact<u8>>,
    pub(crate) identity: Option<[Text; 8]>,
    pub(crate) network_registered_at: Compact<u64>,
    pub(crate) owner_hotkey: Account,
    pub(crate) owner_coldkey: Account,
    pub(crate) block: Compact<u64>,
    pub(crate) tempo: Compact<u16>,
    pub(crate) last_step: Compact<u64>,
    pub(crate) blocks_since_last_step: Compact<u64>,
    pub(crate) subnet_emission: Compact<u64>,
    pub(crate) pools: [Compact<u64>; 8],
    pub(crate) subnet_volume: Compact<u128>,
    pub(crate) moving_price: i128,
    pub(crate) rho: Compact<u16>,
    pub(crate) kappa: Compact<u16>,
    pub(crate) min_allowed_weights: Compact<u16>,
    pub(crate) max_weights_limit: Compact<u16>,
    pub(crate) weights_version: Compact<u64>,
    pub(crate) weights_rate_limit: Compact<u64>,
    pub(crate) activity_cutoff: Compact<u16>,
    pub(crate) max_validators: Compact<u16>,
    pub(crate) num_uids: Compact<u16>,
    pub(crate) max_uids: Compact<u16>,
    pub(crate) burn: Compact<u64>,
    pub(crate) difficulty: Compact<u64>,
    pub(crate) registration_allowed: bool,
    pub(crate) pow_registration_allowed: bool,
    pub(crate) immunity_period: Compact<u16>,
    pub(crate) difficulties: [Compact<u64>; 2],
    pub(crate) burns: [Compact<u64>; 2],
    pub(crate) adjustment_alpha: Compact<u64>,
    pub(crate) adjustment_interval: Compact<u16>,
    pub(crate) target_regs_per_interval: Compact<u16>,
    pub(crate) max_regs_per_block: Compact<u16>,
    pub(crate) serving_rate_limit: Compact<u64>,
    pub(crate) commit_reveal_weights_enabled: bool,
    pub(crate) commit_reveal_period: Compact<u64>,
    pub(crate) liquid_alpha_enabled: bool,
    pub(crate) alpha_high: Compact<u16>,
    pub(crate) alpha_low: Compact<u16>,
    pub(crate) bonds_moving_avg: Compact<u64>,
    pub(crate) hotkeys: Vec<Account>,
    pub(crate) coldkeys: Vec<Account>,
    pub(crate) identities: Vec<Option<Identity>>,
    pub(crate) axons: Vec<Axon>,
    pub(crate) active: Vec<bool>,
    pub(crate) validator_permit: Vec<bool>,
    pub(crate) pruning_score: Vec<Compact<u16>>,
    pub(crate) last_update: Vec<Compact<u64>>,
    pub(crate) emission: Vec<Compact<u64>>,
    pub(crate) dividends: Vec<Compact<u16>>,
    pub(crate) incentives: Vec<Compact<u16>>,
    pub(crate) consensus: Vec<Compact<u16>>,
    pub(crate) trust: Vec<Compact<u16>>,
    pub(crate) rank: Vec<Compact<u16>>,
    pub(crate) block_at_registration: Vec<Compact<u64>>,
    pub(crate) alpha_stake: Vec<Compact<u64>>,
    pub(crate) tao_stake: Vec<Compact<u64>>,
    pub(crate) total_stake: Vec<Compact<u64>>,
    pub(crate) tao_dividends_per_hotkey: Vec<(Account, Compact<u64>)>,
    pub(crate) alpha_dividends_per_hotkey: Vec<(Account, Compact<u64>)>,
    pub(crate) collateral_locked: Vec<Compact<u64>>,
    pub(crate) collateral_min: Vec<Compact<u64>>,
    pub(crate) collateral_earned: Vec<Compact<u64>>,
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
pub(crate) fn answer() -> Answer {
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
        collateral_locked: longs(),
        collateral_min: longs(),
        collateral_earned: longs(),
    }
}
