//! The line for the miner who asks why: what was measured, which setting
//! decided, what to do. Nothing in it is the miner's own text.

use crate::{
    bindings::exports::compute::subnet::scoring::Miner,
    settings::Settings,
    standing::{Probed, Proven, Standing, probed},
};

/// Below this a miner is told to answer more often.
const GOOD_AVAILABILITY_PERMILLE: u16 = 950;

pub(crate) fn line(settings: &Settings, miner: &Miner, standing: &Standing, points: u64) -> String {
    let mut line = pay(settings, miner, standing, points);
    let Probed { open, machines } = probed(miner);
    if machines > 0 {
        line += &format!("; {open} of {machines} rented by a validator let it in (ssh-probe)");
    }
    line
}

fn pay(settings: &Settings, miner: &Miner, standing: &Standing, points: u64) -> String {
    match standing {
        Standing::Proven(proven) if proven.mops < settings.floor_mops => format!(
            "nothing: {} Mop/s proven, and floor-mops is {}; offer a faster machine",
            proven.mops, settings.floor_mops
        ),
        Standing::Proven(proven) => earning(settings, miner, proven),
        Standing::Failed { block } => format!(
            "nothing: the challenge at block {block} was failed, and a failed challenge is paid \
             nothing; the verdict's own reason says what was wrong, and the next pass counts again"
        ),
        Standing::Silent { last_pass } => silent(settings, *last_pass, points),
        Standing::New => "nothing yet: not challenged so far; stay reachable on the address on \
                          chain and the next window will come"
            .to_owned(),
    }
}

fn earning(settings: &Settings, miner: &Miner, proven: &Proven) -> String {
    format!(
        "{} Mop/s proven on {} machine{}, paid by curve {}; {}",
        proven.mops,
        proven.machines,
        if proven.machines == 1 { "" } else { "s" },
        settings.curve.name(),
        advice(settings, miner, proven),
    )
}

/// What would help this miner most.
fn advice(settings: &Settings, miner: &Miner, proven: &Proven) -> String {
    if proven.failed > 0 {
        return format!(
            "{} more failed and earned nothing, and cost what was carried over: repair or withdraw \
             them",
            proven.failed
        );
    }
    if settings.availability_weight_permille > 0
        && miner.availability_permille < GOOD_AVAILABILITY_PERMILLE
    {
        return format!(
            "answered {} of 1000 times, which weighs {} permille: stay reachable to earn more",
            miner.availability_permille, settings.availability_weight_permille
        );
    }
    if settings.price_weight_permille > 0 && proven.cheapness_permille < 1_000 {
        return format!(
            "price weighs {} permille: offer machines for rent at or below {} micro-USD an hour to \
             earn more",
            settings.price_weight_permille, settings.price_reference_micro_usd_per_hour
        );
    }
    "prove more to earn more".to_owned()
}

fn silent(settings: &Settings, last_pass: Option<u64>, points: u64) -> String {
    let since = last_pass.map_or_else(
        || "no challenge passed yet".to_owned(),
        |block| format!("last pass at block {block}"),
    );
    if points == 0 {
        return format!("nothing: silent, {since}; check that the axon answers");
    }
    format!(
        "fading: silent, {since}; {} permille of the points remain each epoch \
         (smoothing-permille): check that the axon answers",
        settings.smoothing_permille
    )
}
