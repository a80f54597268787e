//! The third form of a subnet's hyperparameters: a list of names and values.

use scale_value::Value;

use super::super::info::Facts;

/// Names, in the runtime's order, with the kind of each value.
const ENTRIES: [(&str, &str); 35] = [
    ("kappa", "U16"),
    ("immunity_period", "U16"),
    ("min_allowed_weights", "U16"),
    ("max_weights_limit", "U16"),
    ("tempo", "U16"),
    ("weights_version", "U64"),
    ("weights_rate_limit", "U64"),
    ("activity_cutoff", "U64"),
    ("activity_cutoff_factor", "U32"),
    ("registration_allowed", "Bool"),
    ("target_regs_per_interval", "U16"),
    ("min_burn", "TaoBalance"),
    ("max_burn", "TaoBalance"),
    ("burn_half_life", "U16"),
    ("burn_increase_mult", "U64F64"),
    ("bonds_moving_avg", "U64"),
    ("max_regs_per_block", "U16"),
    ("serving_rate_limit", "U64"),
    ("max_validators", "U16"),
    ("commit_reveal_period", "U64"),
    ("commit_reveal_weights_enabled", "Bool"),
    ("alpha_high", "U16"),
    ("alpha_low", "U16"),
    ("liquid_alpha_enabled", "Bool"),
    ("alpha_sigmoid_steepness", "I32F32"),
    ("yuma_version", "U16"),
    ("subnet_is_active", "Bool"),
    ("transfers_enabled", "Bool"),
    ("bonds_reset_enabled", "Bool"),
    ("user_liquidity_enabled", "Bool"),
    ("owner_cut_enabled", "Bool"),
    ("owner_cut_auto_lock_enabled", "Bool"),
    ("min_childkey_take", "U16"),
    ("collateral_lock_share", "U16"),
    ("collateral_drain_ratio", "U64F64"),
];

/// The list, of what is known.
pub(super) fn entries(facts: &Facts) -> Value<()> {
    Value::unnamed_composite(ENTRIES.iter().filter_map(|(name, kind)| {
        let value = Value::unnamed_variant(*kind, [facts.get(name)?.clone()]);
        let name = Value::from_bytes(name);
        Some(Value::named_composite([("name", name), ("value", value)]))
    }))
}
