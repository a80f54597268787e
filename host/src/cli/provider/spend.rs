//! Rents a machine for some minutes to see whether it works.
//!
//! Whatever goes wrong in between, what was ordered is ended: found again by its
//! key, as a node would after a crash. The key is written before the order is
//! sent, so that `--end` can do it where this process cannot.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::subnet::provider::{
    Instance, InstanceState, Offer, Order, ProviderAdapter, ProviderError,
};

use super::filter::usd;
use super::steps::Steps;

/// Looks for what was ordered, before it is given up with a warning.
const END_TRIES: u32 = 12;

/// What to order and how long to wait for it.
pub(super) struct Plan {
    pub(super) key: String,
    pub(super) ssh_public_key: String,
    pub(super) image: Option<String>,
    pub(super) disk_mib: u64,
    pub(super) price_max: u64,
    /// Unix seconds.
    pub(super) ends_at: u64,
    /// For it to run.
    pub(super) patience: Duration,
    /// Between two looks.
    pub(super) pause: Duration,
}

impl Plan {
    fn order(&self, offer: &Offer) -> Order {
        Order {
            key: self.key.clone(),
            offer_id: offer.id.clone(),
            image: self.image.clone(),
            ssh_public_key: self.ssh_public_key.clone(),
            disk_mib: self.disk_mib,
            price_micro_usd_per_hour_max: self.price_max,
            ends_at: self.ends_at,
            labels: vec![],
        }
    }
}

/// Orders `offer`, waits until it runs, and ends it.
pub(super) async fn spend(
    adapter: &dyn ProviderAdapter,
    offer: &Offer,
    plan: &Plan,
    steps: &mut Steps<'_>,
) -> anyhow::Result<()> {
    let again = format!(
        "host provider check {} --end {}",
        adapter.id().name,
        plan.key
    );
    steps.well(
        "key",
        Instant::now(),
        format!("should this be cut off: {again}"),
    )?;
    let order = plan.order(offer);
    let lived = tokio::select! {
        lived = live(adapter, &order, plan, steps) => lived,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let ended = end(adapter, &plan.key, plan.pause, steps).await;
    lived.and(ended)
}

async fn live(
    adapter: &dyn ProviderAdapter,
    order: &Order,
    plan: &Plan,
    steps: &mut Steps<'_>,
) -> anyhow::Result<()> {
    let rented = provision("order", adapter, order, steps).await?;
    let again = provision("once more", adapter, order, steps).await?;
    if again.id != rented.id {
        let why = format!("the same key bought {} and {}", rented.id, again.id);
        return Err(steps.badly("one key", Instant::now(), &why));
    }
    wait(adapter, &rented.id, plan, steps).await?;
    let begun = Instant::now();
    match adapter.extend(&rented.id, plan.ends_at + 60).await {
        Ok(_) => steps.well("extend", begun, "by a minute".into())?,
        Err(ProviderError::Unsupported(why)) => {
            steps.well("extend", begun, format!("not supported: {why}"))?;
        }
        Err(error) => return Err(steps.badly("extend", begun, &error)),
    }
    Ok(())
}

async fn provision(
    step: &'static str,
    adapter: &dyn ProviderAdapter,
    order: &Order,
    steps: &mut Steps<'_>,
) -> anyhow::Result<Instance> {
    let begun = Instant::now();
    match adapter.provision(order).await {
        Ok(rented) => {
            let price = usd(rented.price_micro_usd_per_hour);
            let what = format!("{} is {:?}, {price} USD/hour", rented.id, rented.state);
            steps.well(step, begun, what)?;
            Ok(rented)
        }
        Err(error) => Err(steps.badly(step, begun, &error)),
    }
}

async fn wait(
    adapter: &dyn ProviderAdapter,
    id: &str,
    plan: &Plan,
    steps: &mut Steps<'_>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let seen = match adapter.inspect(id).await {
            Ok(seen) => seen,
            Err(ProviderError::Busy(ms)) => {
                tokio::time::sleep(plan.pause.max(Duration::from_millis(ms.into()))).await;
                continue;
            }
            Err(error) => return Err(steps.badly("run", begun, &error)),
        };
        match (seen.state, seen.ssh) {
            (InstanceState::Running, Some(ssh)) => {
                let what = format!("ssh {}@{} -p {}", ssh.user, ssh.host, ssh.port);
                return Ok(steps.well("run", begun, what)?);
            }
            (InstanceState::Starting | InstanceState::Running, _)
                if begun.elapsed() < plan.patience => {}
            (state, _) => {
                let why = format!("it is {state:?}, and there is no place to log in");
                return Err(steps.badly("run", begun, &why));
            }
        }
        tokio::time::sleep(plan.pause).await;
    }
}

/// Ends all that was ordered under `key`, and looks until none of it is left.
pub(super) async fn end(
    adapter: &dyn ProviderAdapter,
    key: &str,
    pause: Duration,
    steps: &mut Steps<'_>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut found = BTreeSet::new();
    let mut last = String::new();
    for look in 0..END_TRIES {
        if look > 0 {
            tokio::time::sleep(pause).await;
        }
        match end_once(adapter, key, &mut found).await {
            // Twice: what was ordered a moment ago may not be listed yet.
            Ok(0) if look > 0 => {
                let what = format!("{} ended, none is left", found.len());
                return Ok(steps.well("end", begun, what)?);
            }
            Ok(left) => last = format!("{left} still there"),
            Err(error) => last = error.to_string(),
        }
    }
    let why = format!("END IT BY HAND, IT MAY COST MONEY: what has the key {key}: {last}");
    Err(steps.badly("end", begun, &why))
}

/// How many are left that cost money.
async fn end_once(
    adapter: &dyn ProviderAdapter,
    key: &str,
    found: &mut BTreeSet<String>,
) -> Result<usize, ProviderError> {
    let instances = adapter.instances().await?;
    let costs = |instance: &&Instance| {
        instance.order_key.as_deref() == Some(key) && instance.state != InstanceState::Terminated
    };
    let mut left = 0;
    for instance in instances.iter().filter(costs) {
        found.insert(instance.id.clone());
        left += 1;
        if instance.state != InstanceState::Stopping {
            adapter.terminate(&instance.id).await?;
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests;
