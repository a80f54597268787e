//! What a provider adapter answers, before anybody spends money on it.
//!
//! An id is the host's only way to inspect and end what it pays for, so it must
//! be there, be the only one and come back as it was. Texts that are only shown
//! may hold anything a cloud's user typed: they are escaped. All are bounded.
//! What an adapter says of an instance must be about the instance that was asked
//! for; an order that was filled above its price is a breach, and since money may
//! run by then, the host looks.

use std::collections::HashSet;

use super::super::bindings::compute::subnet::types;
use super::super::bindings::exports::compute::subnet::provider as wit;
use super::{broke, words};
use crate::subnet::hardware::{Gpu, Hardware, Label};
use crate::subnet::plugin::PluginError;
use crate::subnet::provider::{
    INSTANCES_MAX, Instance, InstanceState, OFFERS_MAX, Offer, Order, ProviderError, SshEndpoint,
    Want,
};
use crate::subnet::text::{escape, is_plain};

/// The longest id of an offer or an instance.
const ID_BYTES_MAX: usize = 256;
/// The longest text that is only shown: a model, a region, a label.
const TEXT_BYTES_MAX: usize = 1 << 10;
/// The longest name of a host, as DNS has it.
const HOST_BYTES_MAX: usize = 253;
/// The longest name of a login.
const USER_BYTES_MAX: usize = 64;
/// The longest host key: RSA of 16,384 bits has 2,800.
const HOST_KEY_BYTES_MAX: usize = 4 << 10;
/// Kinds of cards in one machine, cards of one kind, and labels of one thing.
const GPUS_MAX: usize = 16;
const UUIDS_MAX: usize = 64;
const LABELS_MAX: usize = 64;
/// A million US dollars an hour.
const PRICE_MICRO_USD_PER_HOUR_MAX: u64 = 1_000_000_000_000;
/// What one adapter may ask to be granted.
const WANTS_MAX: usize = 32;
/// The longest origin or name of a credential.
const WANT_BYTES_MAX: usize = 256;

type Checked<T> = Result<T, PluginError>;

/// What an adapter asks for is printed as lines to paste into a configuration, so
/// nothing may be in it that would end the text it stands in.
pub(in crate::plugin) fn wants(wants: Vec<wit::Want>) -> Checked<Vec<Want>> {
    at_most("wants", wants.len(), WANTS_MAX)?;
    let mut checked = wants.into_iter().map(want).collect::<Checked<Vec<_>>>()?;
    checked.sort();
    checked.dedup();
    Ok(checked)
}

/// A text, what it may have beside letters and digits, and what it is then.
type Wanted = (String, fn(char) -> bool, fn(String) -> Want);

fn want(want: wit::Want) -> Checked<Want> {
    let (text, allowed, checked): Wanted = match want {
        wit::Want::HttpOrigin(origin) => (origin, |c| ".:/-[]".contains(c), Want::HttpOrigin),
        wit::Want::Credential(name) => (name, |c| c == '-', Want::Credential),
        wit::Want::Machine => return Ok(Want::Machine),
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || allowed(c);
    if text.is_empty() || text.len() > WANT_BYTES_MAX || !text.chars().all(fits) {
        return Err(broke(format!(
            "it wants `{}`; an origin is like `https://api.example.com`, a credential's name \
             like `my-cloud`, both in lower case",
            escape(&text)
        )));
    }
    Ok(checked(text))
}

pub(in crate::plugin::v0_1) fn offers(offers: Vec<wit::Offer>) -> Checked<Vec<Offer>> {
    at_most("offers", offers.len(), OFFERS_MAX)?;
    unique("offer", offers.iter().map(|offer| &offer.id))?;
    offers.into_iter().map(offer).collect()
}

fn offer(offer: wit::Offer) -> Checked<Offer> {
    Ok(Offer {
        id: id("an offer", offer.id)?,
        hardware: hardware(offer.hardware)?,
        region: shown("a region", offer.region)?,
        price_micro_usd_per_hour: price(offer.price_micro_usd_per_hour)?,
        interruptible: offer.interruptible,
        labels: labels(offer.labels)?,
    })
}

/// An order that was filled.
pub(in crate::plugin::v0_1) fn provisioned(
    given: wit::Instance,
    order: &Order,
) -> Checked<Instance> {
    let instance = instance(given)?;
    if instance.order_key.as_deref() != Some(&*order.key) {
        return Err(broke(format!(
            "instance `{}` is of the order {}, and {} was asked for",
            instance.id,
            instance.order_key.as_deref().unwrap_or("of nobody"),
            order.key
        )));
    }
    let (price, max) = (
        instance.price_micro_usd_per_hour,
        order.price_micro_usd_per_hour_max,
    );
    if price > max {
        return Err(broke(format!(
            "instance `{}` costs {price} micro-USD an hour, and the order said {max} at most",
            instance.id
        )));
    }
    Ok(instance)
}

/// The instance that was asked for.
pub(in crate::plugin::v0_1) fn same(given: wit::Instance, asked: &str) -> Checked<Instance> {
    let instance = instance(given)?;
    if instance.id != asked {
        return Err(broke(format!(
            "it answers with instance `{}`, and `{}` was asked for",
            instance.id,
            escape(asked)
        )));
    }
    Ok(instance)
}

pub(in crate::plugin::v0_1) fn instances(instances: Vec<wit::Instance>) -> Checked<Vec<Instance>> {
    at_most("instances", instances.len(), INSTANCES_MAX)?;
    unique("instance", instances.iter().map(|instance| &instance.id))?;
    instances.into_iter().map(instance).collect()
}

/// Running without a place to log in is let through: other people's instances in
/// the same account may be so, and one of them must not hide all.
fn instance(instance: wit::Instance) -> Checked<Instance> {
    let order_key = instance.order_key.map(|key| id("an order", key));
    Ok(Instance {
        id: id("an instance", instance.id)?,
        order_key: order_key.transpose()?,
        state: state(instance.state),
        hardware: hardware(instance.hardware)?,
        price_micro_usd_per_hour: price(instance.price_micro_usd_per_hour)?,
        ssh: instance.ssh.map(ssh).transpose()?,
        ends_at: instance.ends_at,
        labels: labels(instance.labels)?,
    })
}

fn state(state: wit::State) -> InstanceState {
    match state {
        wit::State::Starting => InstanceState::Starting,
        wit::State::Running => InstanceState::Running,
        wit::State::Stopping => InstanceState::Stopping,
        wit::State::Terminated => InstanceState::Terminated,
        wit::State::Failed => InstanceState::Failed,
    }
}

/// Goes into the command line of an SSH client: nothing there may look like an
/// option or like two words.
fn ssh(ssh: wit::SshEndpoint) -> Checked<SshEndpoint> {
    let word = |what: &str, text: &str, max: usize, others: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        if text.is_empty() || text.len() > max || text.starts_with('-') || !text.chars().all(fits) {
            return Err(broke(format!("`{}` is no {what} of SSH", escape(text))));
        }
        Ok(())
    };
    word("host", &ssh.host, HOST_BYTES_MAX, ".-:")?;
    word("user", &ssh.user, USER_BYTES_MAX, "._-")?;
    if ssh.port == 0 {
        return Err(broke("port 0 is no port of SSH".into()));
    }
    let key = ssh.host_key.as_deref();
    if key.is_some_and(|key| key.is_empty() || key.len() > HOST_KEY_BYTES_MAX || !is_plain(key)) {
        return Err(broke("a host key is one line in OpenSSH form".into()));
    }
    Ok(SshEndpoint {
        host: ssh.host,
        port: ssh.port,
        user: ssh.user,
        host_key: ssh.host_key,
    })
}

/// Why an adapter did not do it, its words escaped.
pub(in crate::plugin::v0_1) fn failure(failure: wit::Failure) -> ProviderError {
    match failure {
        wit::Failure::NoCapacity => ProviderError::NoCapacity,
        wit::Failure::PriceRose(price) => ProviderError::PriceRose(price),
        wit::Failure::NotFound => ProviderError::NotFound,
        wit::Failure::Account(text) => ProviderError::Account(words(text)),
        wit::Failure::Busy(ms) => ProviderError::Busy(ms),
        wit::Failure::Upstream(text) => ProviderError::Upstream(words(text)),
        wit::Failure::Unsupported(text) => ProviderError::Unsupported(words(text)),
    }
}

fn at_most(what: &str, count: usize, max: usize) -> Checked<()> {
    if count > max {
        return Err(broke(format!("{count} {what}, at most {max} are allowed")));
    }
    Ok(())
}

fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a String>) -> Checked<()> {
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(broke(format!("two {what}s have the id `{}`", escape(id))));
        }
    }
    Ok(())
}

fn id(what: &str, id: String) -> Checked<String> {
    if id.is_empty() || id.len() > ID_BYTES_MAX || !is_plain(&id) {
        return Err(broke(format!(
            "the id of {what} has 1 to {ID_BYTES_MAX} printable bytes, `{}` has {}",
            escape(&id),
            id.len()
        )));
    }
    Ok(id)
}

fn shown(what: &str, text: String) -> Checked<String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(broke(format!(
            "{what} of {} bytes, at most {TEXT_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    Ok(if is_plain(&text) { text } else { escape(&text) })
}

fn price(price: u64) -> Checked<u64> {
    if price > PRICE_MICRO_USD_PER_HOUR_MAX {
        return Err(broke(format!(
            "a price of {price} micro-USD an hour, at most {PRICE_MICRO_USD_PER_HOUR_MAX} is taken \
             for one"
        )));
    }
    Ok(price)
}

fn hardware(hardware: types::Hardware) -> Checked<Hardware> {
    at_most("kinds of GPU in one machine", hardware.gpus.len(), GPUS_MAX)?;
    Ok(Hardware {
        gpus: hardware.gpus.into_iter().map(gpu).collect::<Checked<_>>()?,
        cpu_model: shown("a processor's model", hardware.cpu_model)?,
        cpu_threads: hardware.cpu_threads,
        memory_mib: hardware.memory_mib,
        disk_mib: hardware.disk_mib,
        labels: labels(hardware.labels)?,
    })
}

fn gpu(gpu: types::Gpu) -> Checked<Gpu> {
    at_most("uuids of one kind of GPU", gpu.uuids.len(), UUIDS_MAX)?;
    let uuids = gpu.uuids.into_iter().map(|uuid| shown("a uuid", uuid));
    Ok(Gpu {
        model: shown("a GPU's model", gpu.model)?,
        count: gpu.count,
        memory_mib: gpu.memory_mib,
        uuids: uuids.collect::<Checked<_>>()?,
    })
}

fn labels(labels: Vec<types::Label>) -> Checked<Vec<Label>> {
    at_most("labels of one thing", labels.len(), LABELS_MAX)?;
    let checked = labels.into_iter().map(|label| {
        Ok(Label {
            name: shown("a label's name", label.name)?,
            value: shown("a label", label.value)?,
        })
    });
    checked.collect()
}

#[cfg(test)]
mod tests;
