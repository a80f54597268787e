//! What happens, epoch by epoch.
//!
//! ```text
//! epochs 1-2   everybody is challenged and scored by score-compute
//!              then one miner falls silent
//! epochs 3-4   it fades
//!              then score-level takes the policy's place, by the admin socket
//! epochs 5-6   the same proofs, other weights
//! ```

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::admin;
use crate::plugin::builtin;
use crate::subnet::chain::Chain as _;
use crate::subnet::evidence::{EvidenceStore, WeightsRecord, WeightsState};
use crate::subnet::plugin::Rehearsal;
use crate::subnet::weights::Weights;

use super::actors::{Cast, Part, Stage};
use super::rental;
use super::report::{self, Report};

/// The subnet that every development chain begins with.
const NETUID: u16 = crate::devchain::Options::NETUID;
/// Epochs before one miner falls silent, before the swap, and in all.
const EPOCHS: [u32; 3] = [2, 4, 6];
/// How often the validator's memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Plays it to the end and reports.
pub(super) async fn play(
    stage: &Stage,
    rental_image: Option<&str>,
    out: &mut dyn Write,
) -> anyhow::Result<(Cast, Report)> {
    let began = Instant::now();
    writeln!(
        out,
        "A development chain, a validator and four miners in one process; nothing here is real TAO.\n"
    )?;
    let rental = rental::prepare(rental_image, &stage.file("")).await;
    let mut cast = stage.cast(rental.as_ref().ok()).await?;
    let store = cast.validator.node.store().await?;
    writeln!(out, "chain      {}", cast.chain.url())?;
    writeln!(out, "validator  {}", cast.validator.node.account)?;
    for (part, actor) in &cast.miners {
        let account = actor
            .as_ref()
            .map(|actor| actor.node.account.to_string())
            .unwrap_or_default();
        writeln!(out, "miner      {account}  {}", part.name())?;
    }
    match &rental {
        Ok(rental) => writeln!(
            out,
            "rental     \"{}\" lets containers of {}",
            Part::Fast.name(),
            rental.image
        )?,
        Err(why) => writeln!(out, "rental     skipped: {why}")?,
    }
    writeln!(out)?;
    let [silence, swap, last] = EPOCHS;
    let mut watch = Watch {
        cast: &cast,
        store: store.clone(),
        seen: None,
    };
    watch.epochs(1..=silence, out).await?;
    let after = watch.seen;
    fall_silent(&mut cast, out).await?;
    let mut watch = Watch {
        cast: &cast,
        store: store.clone(),
        seen: after,
    };
    watch.epochs(silence + 1..=swap, out).await?;
    let before = watch.on_chain().await?;
    let swapped = swap_policy(stage, out).await?;
    watch.epochs(swap + 1..=last, out).await?;
    let report = report::gather(&cast, &*store, before, swapped, began.elapsed()).await?;
    Ok((cast, report))
}

async fn fall_silent(cast: &mut Cast, out: &mut dyn Write) -> anyhow::Result<()> {
    for (part, actor) in &mut cast.miners {
        if *part == Part::GoesSilent
            && let Some(actor) = actor.take()
        {
            writeln!(
                out,
                "         \"{}\" does: its node is switched off",
                part.name()
            )?;
            actor.leave().await?;
        }
    }
    Ok(())
}

/// As an operator does it: a file and a pin, over the admin socket.
async fn swap_policy(stage: &Stage, out: &mut dyn Write) -> anyhow::Result<admin::Swapped> {
    let file = stage.file("score_level.wasm");
    tokio::fs::write(&file, &builtin::score_level().bytes).await?;
    let swapped = admin::Client::new(&stage.validator_folder())
        .swap(
            "score-compute",
            &file,
            admin::Approval::Pin,
            Rehearsal::Demanded,
        )
        .await?;
    let old = swapped
        .old
        .as_ref()
        .map(|old| old.name.clone())
        .unwrap_or_default();
    writeln!(
        out,
        "         host plugin swap score-compute {}.wasm --pin: {old} -> {}",
        swapped.new.name, swapped.new.name
    )?;
    Ok(swapped)
}

/// Follows the epochs as the validator's memory has them.
struct Watch<'a> {
    cast: &'a Cast,
    store: Arc<dyn EvidenceStore>,
    seen: Option<u64>,
}

impl Watch<'_> {
    /// Waits for these epochs, counted from the demo's start, and says how each went.
    async fn epochs(
        &mut self,
        numbers: impl Iterator<Item = u32>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        for number in numbers {
            let record = self.next().await?;
            self.seen = Some(record.epoch);
            self.say(number, &record, out).await?;
        }
        Ok(())
    }

    /// The next epoch whose weights are confirmed.
    async fn next(&self) -> anyhow::Result<WeightsRecord> {
        loop {
            let store = self.store.clone();
            let record = tokio::task::spawn_blocking(move || store.last_weights()).await??;
            match record {
                Some(record) if self.seen.is_none_or(|seen| record.epoch > seen) => {
                    match record.state {
                        WeightsState::Confirmed(_) => return Ok(record),
                        // On a slow machine an epoch may end too soon; the next one counts.
                        WeightsState::Intended
                        | WeightsState::Included(_)
                        | WeightsState::Committing(_)
                        | WeightsState::Committed(..)
                        | WeightsState::Abandoned => {}
                    }
                }
                _ => {}
            }
            if self.cast.validator.node.is_over() {
                bail!("the validator ended; see what it says with --logging.debug");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn on_chain(&self) -> anyhow::Result<Weights> {
        let metagraph = self.cast.onlooker.metagraph(NETUID).await?;
        let validator = metagraph
            .neuron(&self.cast.validator.node.account)
            .context("the validator lost its slot")?;
        Ok(self.cast.onlooker.weights(NETUID, validator.uid).await?)
    }

    async fn say(
        &self,
        number: u32,
        record: &WeightsRecord,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (store, epoch) = (self.store.clone(), record.epoch);
        let scored = tokio::task::spawn_blocking(move || store.epoch(epoch)).await??;
        let policy = scored.map(|scored| scored.policy.name).unwrap_or_default();
        let weights = self.on_chain().await?;
        let shown: Vec<String> = weights
            .0
            .iter()
            .map(|(uid, weight)| format!("{uid}: {weight}"))
            .collect();
        writeln!(
            out,
            "epoch {number}  {policy:<13} weights on chain  {{{}}}",
            shown.join(", ")
        )?;
        out.flush()?;
        Ok(())
    }
}
